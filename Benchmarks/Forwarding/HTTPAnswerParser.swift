import Foundation

/// Puts an HTTP/1.1 answer together from what the socket brings (RFC 9112). For servers that the benchmark itself
/// started; bounded all the same.
struct HTTPAnswerParser {
    /// Bytes of one answer.
    static let limit = 4 << 20

    private var bytes = Data()
    private var head: (status: Int, headers: [String: String], length: Int)?
    private var isHTTP10 = false

    var hasBegun: Bool { !bytes.isEmpty }

    /// Whether the connection serves another request after this answer (RFC 9112 section 9.3).
    var isKept: Bool {
        guard let head, head.headers["content-length"] != nil || isChunked else { return false }
        let connection = head.headers["connection"]?.lowercased()
        return isHTTP10 ? connection == "keep-alive" : connection != "close"
    }

    private var isChunked: Bool { head?.headers["transfer-encoding"]?.lowercased() == "chunked" }

    /// The answer when it is whole, else nil.
    mutating func take(_ more: ArraySlice<UInt8>) throws -> HTTPAnswer? {
        bytes.append(contentsOf: more)
        guard bytes.count <= Self.limit else { throw HTTPFailure("an answer of more than \(Self.limit) bytes") }
        if head == nil { try readHead() }
        guard let head else { return nil }
        let body = bytes.dropFirst(head.length)
        if isChunked { return try dechunked(body).map { answer(head, $0) } }
        if head.status == 204 || head.status == 304 { return answer(head, Data()) }
        guard let text = head.headers["content-length"] else { return nil }
        guard let length = Int(text), length >= 0, length <= Self.limit else {
            throw HTTPFailure("a content length of `\(text)`")
        }
        return body.count >= length ? answer(head, Data(body.prefix(length))) : nil
    }

    /// The server closed: then an answer without a length is whole.
    func end() -> HTTPAnswer? {
        guard let head, head.headers["content-length"] == nil, !isChunked else { return nil }
        return answer(head, Data(bytes.dropFirst(head.length)))
    }

    private func answer(_ head: (status: Int, headers: [String: String], length: Int), _ body: Data) -> HTTPAnswer {
        HTTPAnswer(status: head.status, headers: head.headers, body: body)
    }

    private mutating func readHead() throws {
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw HTTPFailure("this is no HTTP answer")
        }
        isHTTP10 = words[0] == "HTTP/1.0"
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        head = (status, headers, end.upperBound - bytes.startIndex)
    }

    /// RFC 9112 section 7.1, without trailers. Nil when the last chunk is not there yet.
    private func dechunked(_ body: Data) throws -> Data? {
        var rest = body[...]
        var whole = Data()
        while let end = rest.range(of: Data("\r\n".utf8)) {
            let size = String(decoding: rest[..<end.lowerBound], as: UTF8.self).prefix { $0 != ";" }
            guard let count = Int(size.trimmingCharacters(in: .whitespaces), radix: 16), count >= 0,
                count <= Self.limit
            else { throw HTTPFailure("a chunk of size `\(size)`") }
            if count == 0 { return whole }
            rest = rest[end.upperBound...]
            guard rest.count >= count + 2 else { return nil }
            whole.append(rest.prefix(count))
            rest = rest.dropFirst(count + 2)
        }
        return nil
    }
}
