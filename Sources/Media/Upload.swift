import CFFmpeg
import Wire

/// One HTTP PUT (RFC 9110 section 9.3.4) whose body is written piece by piece (RFC 9112 section 7.1).
///
/// Not FFmpeg's own, which does not look at the answer: a server that refuses would seem to have taken all.
@safe final class Upload {
    let stream: UnsafeMutablePointer<AVIOContext>
    private let interruption: Interruption

    /// Connects and sends the request's head. The caller has set the deadline.
    init(_ location: MediaLocation, type: String, verifiesCertificates: Bool, interruption: Interruption)
        throws(MediaError)
    {
        _ = Library.isReady
        self.interruption = interruption
        if !location.isNumeric { try interruption.resolve(location.host) }
        var settings = LibraryOptions()
        settings.set("tls_verify", verifiesCertificates ? "1" : "0")
        settings.set("protocol_whitelist", "tls,tcp")
        let transport = location.scheme == .https ? "tls" : "tcp"
        let url = "\(transport)://\(location.bracketedHost):\(location.port)"
        var stream: UnsafeMutablePointer<AVIOContext>?
        var hook = unsafe interruption.hook
        let result = unsafe settings.pass { options in
            unsafe avio_open2(&stream, url, AVIO_FLAG_READ_WRITE, &hook, options)
        }
        guard result >= 0, let stream = unsafe stream else {
            let failure = MediaError(result, while: .opening, interruption)
            throw failure == .truncated ? .unreachable : failure
        }
        unsafe self.stream = stream
        send(Self.head(location, type))
        if unsafe stream.pointee.error < 0 { throw unsafe failure(stream.pointee.error) }
    }

    deinit {
        var stream: UnsafeMutablePointer<AVIOContext>? = unsafe stream
        interruption.arm(.milliseconds(100))
        unsafe avio_closep(&stream)
    }

    private static func head(_ location: MediaLocation, _ type: String) -> String {
        let standard = location.scheme == .https ? 443 : 80
        var head = "PUT \(location.target) HTTP/1.1\r\nHost: \(location.bracketedHost)"
        if location.port != standard { head += ":\(location.port)" }
        head += "\r\nUser-Agent: Apus\r\nContent-Type: \(type)\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        if let credentials = location.credentials { head += "Authorization: Basic \(base64(credentials))\r\n" }
        return head + "\r\n"
    }

    private static func base64(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var output = [CChar](repeating: 0, count: bytes.count / 3 * 4 + 8)
        unsafe output.withUnsafeMutableBufferPointer { buffer in
            unsafe _ = av_base64_encode(buffer.baseAddress, Int32(buffer.count), bytes, Int32(bytes.count))
        }
        return String(decoding: output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func send(_ text: String) {
        let bytes = Array(text.utf8)
        unsafe avio_write(stream, bytes, Int32(bytes.count))
        unsafe avio_flush(stream)
    }

    /// Ends the body and waits for the answer. The caller has set the deadline.
    func finish() throws(MediaError) {
        send("0\r\n\r\n")
        if unsafe stream.pointee.error < 0 { throw unsafe failure(stream.pointee.error) }
        switch try status() {
        case 200..<300: return
        case let status: throw Self.refusal(status)
        }
    }

    /// What a failure to send is called. A server that refuses may answer and hang up before it has read all.
    func failure(_ result: Int32) -> MediaError {
        let failure = MediaError(result, while: .writing, interruption)
        guard failure == .unreachable else { return failure == .unwritable ? .unreachable : failure }
        interruption.arm(.seconds(1))
        guard let status = try? status(), status >= 300 else { return failure }
        return Self.refusal(status)
    }

    private static func refusal(_ status: Int) -> MediaError {
        switch status {
        case 401, 403: .forbidden
        case 404, 410: .notFound
        case 413: .tooLarge
        case 507: .noSpace
        default: .other("the server answered \(status)")
        }
    }

    /// The code of the answer's status line (RFC 9112 section 4), after any that are provisional.
    private func status() throws(MediaError) -> Int {
        var answer: [UInt8] = []
        while answer.count < Self.maximumAnswer {
            var piece = [UInt8](repeating: 0, count: 1024)
            let count = unsafe avio_read_partial(stream, &piece, Int32(piece.count))
            try interruption.check()
            guard count > 0 else { break }
            answer += piece.prefix(Int(count))
            for line in answer.split(separator: UInt8(ascii: "\n")).dropLast() {
                let words = line.split(separator: UInt8(ascii: " "))
                guard words.count > 1, words[0].starts(with: Array("HTTP/1.".utf8)) else { continue }
                guard let code = Int(String(decoding: words[1].prefix(3), as: UTF8.self)), code >= 200 else { continue }
                return code
            }
        }
        throw .unreachable
    }

    private static let maximumAnswer = 16 << 10
}
