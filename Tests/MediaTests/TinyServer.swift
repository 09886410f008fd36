import Foundation
import Synchronization

/// An HTTP server on the loopback, as bad as a test wants it.
final class TinyServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let count = Atomic<Int>(0)

    /// How many connections came.
    var requests: Int { count.load(ordering: .relaxed) }

    func url(_ name: String = "") -> String { "http://127.0.0.1:\(port)/\(name)" }

    /// `handle` is called on a thread of its own for each connection, after the request's head was read.
    init(_ handle: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> UInt16 in
                guard bind(listener, pointer, length) == 0, listen(listener, 16) == 0,
                    getsockname(listener, pointer, &length) == 0
                else { return 0 }
                return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port.bigEndian }
            }
        }
        self.port = port
        self.listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                self?.count.add(1, ordering: .relaxed)
                Thread.detachNewThread {
                    let connection = Connection(descriptor)
                    connection.readHead()
                    handle(connection)
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// One connection of a client.
    final class Connection {
        let descriptor: Int32
        private(set) var head = ""
        private var pending: [UInt8] = []

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        /// Empty when the client has hung up.
        func readHead() {
            head = ""
            while true {
                if let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) {
                    head = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                    pending.removeFirst(end.upperBound)
                    return
                }
                guard let more = receive() else { return }
                pending += more
            }
        }

        private func receive() -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : nil
        }

        /// The next bytes of the body.
        func read() -> [UInt8]? {
            defer { pending = [] }
            return pending.isEmpty ? receive() : pending
        }

        /// A body in chunks, to its end; nil when it has none.
        func readChunks() -> [UInt8]? {
            var body: [UInt8] = []
            while true {
                if let line = pending.firstRange(of: Array("\r\n".utf8)),
                    let size = Int(String(decoding: pending[..<line.lowerBound], as: UTF8.self), radix: 16),
                    pending.count >= line.upperBound + size + 2
                {
                    body += pending[line.upperBound..<(line.upperBound + size)]
                    pending.removeFirst(line.upperBound + size + 2)
                    if size == 0 { return body }
                    continue
                }
                guard let more = receive() else { return nil }
                pending += more
            }
        }

        @discardableResult func send(_ bytes: [UInt8]) -> Bool {
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    Glibc.send(
                        descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done,
                        Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }

        func send(_ text: String) { send(Array(text.utf8)) }

        func answer(_ status: Int, _ body: [UInt8] = [], headers: String = "") {
            send("HTTP/1.1 \(status) Test\r\nConnection: close\r\nContent-Length: \(body.count)\r\n\(headers)\r\n")
            send(body)
        }

        /// As a server of files does, with the part that was asked for.
        func serve(_ body: [UInt8]) {
            let line = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("range: bytes=") }
            guard let line, let begin = Int(line.dropFirst("range: bytes=".count).prefix { $0.isNumber }),
                begin < body.count
            else { return answer(200, body, headers: "Accept-Ranges: bytes\r\n") }
            let part = Array(body[begin...])
            answer(
                206, part, headers: "Content-Range: bytes \(begin)-\(body.count - 1)/\(body.count)\r\n")
        }
    }
}
