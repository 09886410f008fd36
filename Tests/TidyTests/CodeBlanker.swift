/// Turns the contents of comments and string literals into spaces, so that rules about code can search
/// plainly. Knows nested block comments, raw and multi-line strings, and interpolation.
struct CodeBlanker {
    private enum Context {
        /// Code; inside an interpolation it ends at its closing parenthesis.
        case code(parentheses: Int, isInterpolation: Bool)
        case string(pounds: Int, isMultiline: Bool)
    }

    private let bytes: [UInt8]
    private var output: [UInt8] = []
    private var position = 0
    private var contexts: [Context] = [.code(parentheses: 0, isInterpolation: false)]

    static func blank(_ text: String) -> String {
        var blanker = CodeBlanker(bytes: Array(text.utf8))
        while blanker.position < blanker.bytes.count { blanker.step() }
        return String(decoding: blanker.output, as: UTF8.self)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        output.reserveCapacity(bytes.count)
    }

    private mutating func step() {
        switch contexts[contexts.count - 1] {
        case .code(let parentheses, let isInterpolation): code(parentheses, isInterpolation)
        case .string(let pounds, let isMultiline): string(pounds, isMultiline)
        }
    }

    private mutating func code(_ parentheses: Int, _ isInterpolation: Bool) {
        if follows("//") {
            while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { blankOne() }
        } else if follows("/*") {
            blockComment()
        } else if let pounds = stringStart() {
            let isMultiline = follows("\"\"\"", after: pounds)
            keep(pounds + (isMultiline ? 3 : 1))
            contexts.append(.string(pounds: pounds, isMultiline: isMultiline))
        } else {
            switch bytes[position] {
            case UInt8(ascii: "("):
                contexts[contexts.count - 1] = .code(parentheses: parentheses + 1, isInterpolation: isInterpolation)
            case UInt8(ascii: ")"):
                if isInterpolation, parentheses == 0 {
                    contexts.removeLast()
                } else {
                    contexts[contexts.count - 1] = .code(parentheses: parentheses - 1, isInterpolation: isInterpolation)
                }
            default:
                break
            }
            keep(1)
        }
    }

    private mutating func string(_ pounds: Int, _ isMultiline: Bool) {
        let fence = String(repeating: "#", count: pounds)
        let quotes = isMultiline ? "\"\"\"" : "\""
        if follows(quotes + fence) {
            keep(quotes.utf8.count + pounds)
            contexts.removeLast()
        } else if follows("\\" + fence + "(") {
            keep(pounds + 2)
            contexts.append(.code(parentheses: 0, isInterpolation: true))
        } else if follows("\\" + fence) {
            for _ in 0..<(pounds + 2) where position < bytes.count { blankOne() }
        } else if !isMultiline, bytes[position] == UInt8(ascii: "\n") {
            // Not a string after all, or one that does not compile: start afresh with the line.
            contexts.removeLast()
        } else {
            blankOne()
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if follows("/*") {
                depth += 1
                blankOne()
            } else if follows("*/") {
                depth -= 1
                blankOne()
            }
            blankOne()
        } while depth > 0 && position < bytes.count
    }

    /// The number of `#` before the quote when a string literal starts here.
    private func stringStart() -> Int? {
        var end = position
        while end < bytes.count, bytes[end] == UInt8(ascii: "#") { end += 1 }
        return end < bytes.count && bytes[end] == UInt8(ascii: "\"") ? end - position : nil
    }

    private func follows(_ text: String, after offset: Int = 0) -> Bool {
        var index = position + offset
        for byte in text.utf8 {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
        }
        return true
    }

    private mutating func keep(_ count: Int) {
        output.append(contentsOf: bytes[position..<min(position + count, bytes.count)])
        position += count
    }

    private mutating func blankOne() {
        guard position < bytes.count else { return }
        output.append(bytes[position] == UInt8(ascii: "\n") ? bytes[position] : UInt8(ascii: " "))
        position += 1
    }
}
