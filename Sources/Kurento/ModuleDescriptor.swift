/// One module of the API, read from its declaration.
///
/// A declaration is text, one thing a line, in the notation of the API reference:
///
///     class PassThrough extends MediaElement
///       new(mediaPipeline:MediaPipeline)
///       final id:String          (also: readonly, property)
///       method getTag(key:String) -> String
///       events Error
///     enum MediaState DISCONNECTED CONNECTED
///     struct Tag key:String, value:String
///     event Media extends RaiseBase type:String
struct ModuleDescriptor: Sendable {
    var name: String
    var classes: [ObjectClass] = []
    var enumerations: [Enumeration] = []
    var structures: [Structure] = []
    var events: [Structure] = []

    /// The three modules that every Kurento has share one name space.
    private var prefix: String { ["core", "elements", "filters"].contains(name) ? "kurento" : name }

    /// Names of the classes that clients can create, in alphabetical order.
    var factories: [String] { classes.filter { $0.constructor != nil }.map(\.name).sorted() }

    init(name: String, declaration: String) {
        self.name = name
        for line in declaration.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let keyword = words.first else { continue }
            read(keyword, words, line)
        }
    }

    private mutating func read(_ keyword: Substring, _ words: [Substring], _ line: Substring) {
        switch keyword {
        case "class":
            classes.append(
                ObjectClass(
                    name: String(words[1]), parent: Self.parent(words), isAbstract: words.last == "abstract",
                    prefix: prefix))
        case "enum":
            enumerations.append(Enumeration(name: String(words[1]), values: words.dropFirst(2).map(String.init)))
        case "struct": structures.append(Self.structure(words))
        case "event": events.append(Self.structure(words))
        default:
            precondition(!classes.isEmpty, "a member outside a class: \(line)")
            readMember(keyword, words, line, of: &classes[classes.count - 1])
        }
    }

    private func readMember(
        _ keyword: Substring, _ words: [Substring], _ line: Substring, of type: inout ObjectClass
    ) {
        if let access = Property.Access(rawValue: String(keyword)) {
            type.properties.append(Property(field: Self.field(words[1]), access: access))
        } else if keyword == "events" {
            type.events += words.dropFirst().map(String.init)
        } else if keyword == "method" || keyword.hasPrefix("new(") {
            let text = keyword == "method" ? line.drop(while: { $0 == " " }).dropFirst("method ".count) : keyword + ""
            guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")") else {
                preconditionFailure("no parameter list: \(line)")
            }
            let parameters = Self.fields(line[line.index(after: open)..<close])
            guard keyword == "method" else {
                type.constructor = parameters
                return
            }
            let result = words.count >= 2 && words[words.count - 2] == "->" ? words.last.map { ValueType($0) } : nil
            let name = String(text.prefix(while: { $0 != "(" }))
            type.methods.append(MethodSignature(name: name, parameters: parameters, result: result))
        } else {
            preconditionFailure("unknown declaration: \(line)")
        }
    }

    private static func parent(_ words: [Substring]) -> String? {
        words.count > 3 && words[2] == "extends" ? String(words[3]) : nil
    }

    private static func structure(_ words: [Substring]) -> Structure {
        let parent = parent(words)
        let rest = words.dropFirst(parent == nil ? 2 : 4).joined(separator: " ")
        return Structure(name: String(words[1]), parent: parent, fields: fields(rest[...]))
    }

    private static func fields(_ text: Substring) -> [Field] {
        text.split(separator: ",").map { field($0.drop(while: { $0 == " " })) }
    }

    private static func field(_ text: Substring) -> Field {
        guard let colon = text.firstIndex(of: ":") else { preconditionFailure("a field without a type: \(text)") }
        var type = text[text.index(after: colon)...]
        var value: JSONValue?
        if let equals = type.firstIndex(of: "=") {
            do {
                value = try JSONParser.parse(type[type.index(after: equals)...])
            } catch {
                preconditionFailure("a default that is not JSON: \(text)")
            }
            type = type[..<equals]
        }
        let isOptional = type.hasSuffix("?")
        if isOptional { type = type.dropLast() }
        return Field(
            name: String(text[..<colon]), type: ValueType(type), isOptional: isOptional || value != nil,
            defaultValue: value)
    }
}
