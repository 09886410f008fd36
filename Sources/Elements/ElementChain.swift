import Media
import Session
import Wire

/// An element of GStreamer, done by FFmpeg's filters.
final class ElementChain {
    private var element: GStreamerElement
    private var filter: PictureFilter

    init(_ element: GStreamerElement) throws(MediaError) {
        let filter = try Self.filter(for: element)
        self.element = element
        self.filter = consume filter
    }

    /// FFmpeg says only when it is to begin what it does not take, so it is asked to with a small picture.
    private static func filter(for element: GStreamerElement) throws(MediaError) -> PictureFilter {
        let steps = try element.steps
        var trial = PictureFilter(steps)
        _ = try trial.apply(try VideoFrame(width: 64, height: 64))
        return PictureFilter(steps)
    }

    func set(_ property: String, to value: String) throws(Refusal) {
        var changed = element
        do throws(GStreamerElement.DescriptionError) {
            try changed.set(property, to: value)
        } catch {
            throw Refusal(.invalid, "\(error)")
        }
        do throws(MediaError) {
            filter = try Self.filter(for: changed)
            element = changed
        } catch {
            throw Refusal(.invalid, "\(property) cannot be '\(value.prefix(80))': \(error)")
        }
    }

    /// Of an element that shows text; what is too long is cut.
    func show(_ text: String) {
        var short = String(text.prefix(Limits.shownCharacters))
        while short.utf8.count > Limits.shownCharacters { short.removeLast() }
        try? set("text", to: short)
    }

    func apply(_ picture: VideoFrame) -> [VideoFrame] { (try? filter.apply(picture)) ?? [picture] }
}

extension GStreamerElement {
    /// What FFmpeg does in its place. *Deviation*: shades of `coloreffects` and sizes of letters are like GStreamer's,
    /// not the same to the pixel.
    fileprivate var steps: [PictureFilter.Step] {
        get throws(MediaError) {
            switch name {
            case .identity: return []
            case .capsfilter: return try caps()
            case .videoflip: return try flip()
            case .videobalance: return try balance()
            case .videocrop: return try crop()
            case .gaussianblur:
                let sigma = try number("sigma", in: -20...20) ?? 1.2
                // Below zero GStreamer sharpens.
                guard sigma < 0 else { return [.init("gblur", [.init("sigma", "\(sigma)")])] }
                return [.init("unsharp", [.init("luma_amount", "\(min(-sigma / 4, 5))")])]
            case .coloreffects: return try colours()
            case .textoverlay:
                let text = properties["text"] ?? ""
                return text.isEmpty ? [] : try write(text, expands: false, vertical: "baseline", horizontal: "center")
            case .clockoverlay:
                let format = properties["time-format"] ?? "%H:%M:%S"
                // In a function's argument these mean something to FFmpeg.
                let escaped = format.map { "\\:{}'".contains($0) ? "\\\($0)" : String($0) }.joined()
                let text = "%{localtime:" + escaped + "}"
                return try write(text, expands: true, vertical: "top", horizontal: "left")
            }
        }
    }

    private func number(_ property: String, in range: ClosedRange<Double>) throws(MediaError) -> Double? {
        guard let text = properties[property] else { return nil }
        guard let value = Double(text), range.contains(value) else {
            throw .other("\(property) of \(name.rawValue) is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func choice<Value>(_ property: String, _ choices: [(String, Value)]) throws(MediaError) -> Value? {
        guard let text = properties[property] else { return nil }
        if let index = Int(text), choices.indices.contains(index) { return choices[index].1 }
        if let chosen = choices.first(where: { $0.0 == text }) { return chosen.1 }
        let names = choices.map(\.0).joined(separator: ", ")
        throw .other("\(property) of \(name.rawValue) is one of \(names)")
    }

    private func flip() throws(MediaError) -> [PictureFilter.Step] {
        func transpose(_ direction: String) -> PictureFilter.Step { .init("transpose", [.init("dir", direction)]) }
        // In the order of GStreamer's numbers.
        let methods: [(String, [PictureFilter.Step])] = [
            ("none", []), ("clockwise", [transpose("clock")]), ("rotate-180", [.init("hflip"), .init("vflip")]),
            ("counterclockwise", [transpose("cclock")]), ("horizontal-flip", [.init("hflip")]),
            ("vertical-flip", [.init("vflip")]), ("upper-left-diagonal", [transpose("cclock_flip")]),
            ("upper-right-diagonal", [transpose("clock_flip")]),
        ]
        let names = ["identity", "90r", "180", "90l", "horiz", "vert", "ul-lr", "ur-ll"]
        let directions = zip(names, methods).map { ($0, $1.1) }
        if let steps = try choice("video-direction", directions) { return steps }
        return try choice("method", methods) ?? []
    }

    private func balance() throws(MediaError) -> [PictureFilter.Step] {
        let brightness = try number("brightness", in: -1...1) ?? 0
        let contrast = try number("contrast", in: 0...2) ?? 1
        let saturation = try number("saturation", in: 0...2) ?? 1
        let hue = try number("hue", in: -1...1) ?? 0
        let equalizer = PictureFilter.Step(
            "eq",
            [
                .init("brightness", "\(brightness)"), .init("contrast", "\(contrast)"),
                .init("saturation", "\(saturation)"),
            ])
        return hue == 0 ? [equalizer] : [equalizer, .init("hue", [.init("h", "\(hue * 180)")])]
    }

    private func crop() throws(MediaError) -> [PictureFilter.Step] {
        func edge(_ property: String) throws(MediaError) -> Int { Int(try number(property, in: 0...4096) ?? 0) }
        let (left, right, top, bottom) = (try edge("left"), try edge("right"), try edge("top"), try edge("bottom"))
        // What would leave nothing leaves two pixels: the size of what comes is not known here.
        return [
            .init(
                "crop",
                [
                    .init("w", "max(iw-\(left + right),2)"), .init("h", "max(ih-\(top + bottom),2)"),
                    .init("x", "min(\(left),iw-2)"), .init("y", "min(\(top),ih-2)"),
                ])
        ]
    }

    private func colours() throws(MediaError) -> [PictureFilter.Step] {
        let sepia = [".393", ".769", ".189", "0", ".349", ".686", ".168", "0", ".272", ".534", ".131", "0"]
        let mixer = ["rr", "rg", "rb", "ra", "gr", "gg", "gb", "ga", "br", "bg", "bb", "ba"]
        let grey = PictureFilter.Step("hue", [.init("s", "0")])
        let presets: [(String, [PictureFilter.Step])] = [
            ("none", []), ("heat", [.init("pseudocolor", [.init("preset", "inferno")])]),
            ("sepia", [.init("colorchannelmixer", zip(mixer, sepia).map { .init($0, $1) })]),
            ("xray", [grey, .init("negate")]), ("xpro", [.init("curves", [.init("preset", "cross_process")])]),
            ("yellowblue", [grey, .init("curves", [.init("blue", "0/1 1/0")])]),
        ]
        return try choice("preset", presets) ?? []
    }

    /// `video/x-raw,framerate=15/1,width=320,height=240`.
    private func caps() throws(MediaError) -> [PictureFilter.Step] {
        let fields = (properties["caps"] ?? "video/x-raw").split(separator: ",").map { $0.filter { $0 != " " } }
        guard fields.first == "video/x-raw" else { throw .other("caps begin with video/x-raw") }
        var values: [String: String] = [:]
        for field in fields.dropFirst() {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, ["framerate", "width", "height"].contains(String(parts[0])) else {
                throw .other("caps may have framerate, width and height, not '\(field)'")
            }
            // A type in front, as in (int)320, says what is known.
            values[String(parts[0])] = String(parts[1].drop { $0 == "(" }.split(separator: ")").last ?? "")
        }
        var steps: [PictureFilter.Step] = []
        if let rate = values["framerate"] {
            let parts = rate.split(separator: "/").map { Int($0) ?? 0 }
            guard (1...2).contains(parts.count), parts.allSatisfy({ (1...120_000).contains($0) }),
                parts[0] / (parts.count == 2 ? parts[1] : 1) <= 120
            else { throw .other("framerate is a fraction up to 120/1, not '\(rate)'") }
            steps.append(.init("fps", [.init("fps", rate)]))
        }
        if values["width"] != nil || values["height"] != nil {
            func side(_ name: String) throws(MediaError) -> String {
                guard let text = values[name] else { return "-2" }
                guard let pixels = Int(text), (16...4096).contains(pixels) else {
                    throw .other("\(name) is from 16 to 4096 pixels, not '\(text)'")
                }
                return text
            }
            steps.append(.init("scale", [.init("w", try side("width")), .init("h", try side("height"))]))
        }
        return steps
    }

    private func write(
        _ text: String, expands: Bool, vertical: String, horizontal: String
    ) throws(MediaError) -> [PictureFilter.Step] {
        let columns = [("left", "w/32"), ("center", "(w-text_w)/2"), ("right", "w-text_w-w/32")]
        let rows = [
            ("baseline", "h-text_h-h/16"), ("bottom", "h-text_h-h/32"), ("top", "h/32"), ("center", "(h-text_h)/2"),
        ]
        let x = try choice("halignment", columns) ?? columns.first { $0.0 == horizontal }?.1 ?? "0"
        let y = try choice("valignment", rows) ?? rows.first { $0.0 == vertical }?.1 ?? "0"
        // As in "Sans 26". GStreamer's sizes are for pictures 640 wide, too.
        let words = (properties["font-desc"] ?? "sans-serif, 26").split { $0 == " " || $0 == "," }
        let size = min(max(words.last.flatMap { Double($0) } ?? 26, 4), 200)
        return [
            .init(
                "drawtext",
                [
                    .init("font", "Sans"), .init("fontsize", "\(size)*w/640"), .init("fontcolor", "white"),
                    .init("borderw", "2"), .init("x", x), .init("y", y), .init("text", text),
                    .init("expansion", expands ? "normal" : "none"),
                ])
        ]
    }
}
