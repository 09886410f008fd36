/// Finds functions and how many lines each takes, by counting braces.
enum FunctionLength {
    struct Function: Equatable {
        /// Counted from 1.
        var line: Int
        var length: Int
    }

    private struct Token {
        var text: Substring
        var line: Int
    }

    static func functions(in code: [String]) -> [Function] {
        let tokens = tokenize(code)
        return tokens.indices.compactMap { index in
            guard startsFunction(tokens, at: index), let open = bodyStart(tokens, after: index) else { return nil }
            var depth = 0
            for token in tokens[open...] {
                if token.text == "{" { depth += 1 }
                if token.text == "}" { depth -= 1 }
                if depth == 0 { return Function(line: tokens[index].line, length: token.line - tokens[index].line + 1) }
            }
            return nil
        }
    }

    private static func startsFunction(_ tokens: [Token], at index: Int) -> Bool {
        switch tokens[index].text {
        case "func", "deinit", "subscript": true
        // A call of an initialiser has a dot or a name before it.
        case "init": index == 0 || tokens[index - 1].text != "."
        default: false
        }
    }

    /// The brace that opens the body; nil for a requirement of a protocol.
    private static func bodyStart(_ tokens: [Token], after index: Int) -> Int? {
        var depth = 0
        for position in tokens.indices[(index + 1)...] {
            switch tokens[position].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return position
            case "}" where depth == 0: return nil
            case "func", "init", "deinit", "subscript", "var", "let", "case", "associatedtype", "typealias":
                if depth == 0, position > index + 1 { return nil }
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private static func tokenize(_ code: [String]) -> [Token] {
        var tokens: [Token] = []
        for (index, line) in code.enumerated() {
            var rest = line[...]
            while let first = rest.first {
                if first.isLetter || first == "_" {
                    let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                    tokens.append(Token(text: word, line: index + 1))
                    rest = rest[word.endIndex...]
                } else {
                    if "(){}[].".contains(first) { tokens.append(Token(text: rest.prefix(1), line: index + 1)) }
                    rest = rest.dropFirst()
                }
            }
        }
        return tokens
    }
}
