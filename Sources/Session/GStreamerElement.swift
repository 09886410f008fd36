/// One of GStreamer's elements, of those that are known here, with its properties: what `gst-launch-1.0` would be told.
/// No GStreamer is involved.
public struct GStreamerElement: Hashable, Sendable, Codable {
    /// Those that can be had.
    public enum Name: String, CaseIterable, Hashable, Sendable, Codable {
        /// Passes on only so many pictures a second, of that size: property `caps`.
        case capsfilter
        case clockoverlay
        case coloreffects
        case gaussianblur
        case identity
        case textoverlay
        case videobalance
        case videocrop
        case videoflip
    }

    public var name: Name
    /// As text, checked by whoever builds the filter.
    public var properties: [String: String]

    public init(_ name: Name, properties: [String: String] = [:]) {
        self.name = name
        self.properties = properties
    }

    /// What is wrong with a description.
    public enum DescriptionError: Error, Hashable, Sendable {
        /// It does not have the form `element property=value …`.
        case malformed(String)
        case unknownElement(String)
        case unknownProperty(String, of: Name)
    }

    /// The form of `gst-launch-1.0` for one element: `videoflip method=clockwise`. Values with spaces are in quotes.
    public init(parsing description: String) throws(DescriptionError) {
        var words = try Self.words(of: description)[...]
        guard let first = words.popFirst() else { throw .malformed("an element's name is missing") }
        guard let name = Name(rawValue: first) else { throw .unknownElement(first) }
        self.init(name)
        for word in words {
            guard word != "!" else { throw .malformed("one element is possible, not a chain of them") }
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw .malformed("'\(word)' is not of the form property=value")
            }
            try set(String(word[..<equals]), to: String(word[word.index(after: equals)...]))
        }
    }

    /// Changes a property.
    public mutating func set(_ property: String, to value: String) throws(DescriptionError) {
        guard name.properties.contains(property) else { throw .unknownProperty(property, of: name) }
        guard value.utf8.count <= Limits.filterTextBytes else {
            throw .malformed("a value may have \(Limits.filterTextBytes) bytes")
        }
        properties[property] = value
    }

    /// At spaces outside of quotes, which are taken off.
    private static func words(of text: String) throws(DescriptionError) -> [String] {
        guard text.utf8.count <= Limits.filterTextBytes else {
            throw .malformed("it may have \(Limits.filterTextBytes) bytes")
        }
        var words: [String] = []
        var word = ""
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character.isWhitespace {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        guard quote == nil, !isEscaped else { throw .malformed("a quote is not closed") }
        return word.isEmpty ? words : words + [word]
    }
}

extension GStreamerElement.Name {
    /// Those that the element has here.
    public var properties: [String] {
        switch self {
        case .capsfilter: ["caps"]
        case .clockoverlay: ["font-desc", "halignment", "time-format", "valignment"]
        case .coloreffects: ["preset"]
        case .gaussianblur: ["sigma"]
        case .identity: []
        case .textoverlay: ["font-desc", "halignment", "text", "valignment"]
        case .videobalance: ["brightness", "contrast", "hue", "saturation"]
        case .videocrop: ["bottom", "left", "right", "top"]
        case .videoflip: ["method", "video-direction"]
        }
    }
}
