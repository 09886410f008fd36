internal import CLinux
import Foundation
import Synchronization

/// An answer to ``HTTPClient``.
struct HTTPAnswer: Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: Data
}

/// Why a request had no answer.
struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// HTTP/1.1 to a server on this machine, with connections that are kept: what signalling costs a server is then the
/// same for all of them. Each request blocks a thread of its own, so that a long poll holds up nobody.
final class HTTPClient: Sendable {
    private let port: Int
    private let idle = Mutex<[Int32]>([])

    init(port: Int) { self.port = port }

    deinit {
        idle.withLock { for descriptor in $0 { close(descriptor) } }
    }

    /// Waits for `seconds` at most. `isRepeatable` says that a request may go out a second time when a kept connection
    /// turns out to be closed.
    func request(
        _ method: String, _ path: String, contentType: String? = nil, body: Data = Data(), seconds: Int = 10
    ) async throws -> HTTPAnswer {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        try self.exchange(method, path, contentType: contentType, body: body, seconds: seconds)
                    })
            }
        }
    }

    private func exchange(
        _ method: String, _ path: String, contentType: String?, body: Data, seconds: Int
    ) throws -> HTTPAnswer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Length: \(body.count)\r\n"
        if let contentType { head += "Content-Type: \(contentType)\r\n" }
        let bytes = Data((head + "\r\n").utf8) + body
        let (descriptor, wasKept) = try connection()
        do {
            return try finish(descriptor, bytes, seconds: seconds)
        } catch let failure as Unanswered where wasKept && !failure.hasBegun {
            // The server had closed it between two requests.
            return try finish(try open(), bytes, seconds: seconds)
        }
    }

    /// No byte of an answer came.
    private struct Unanswered: Error, CustomStringConvertible {
        var hasBegun: Bool
        var description: String { "the server closed the connection without an answer" }
    }

    private func finish(_ descriptor: Int32, _ bytes: Data, seconds: Int) throws -> HTTPAnswer {
        do {
            var limit = timeval(tv_sec: seconds, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
            try send(descriptor, bytes)
            let (answer, isKept) = try receive(descriptor)
            if isKept { idle.withLock { $0.append(descriptor) } } else { close(descriptor) }
            return answer
        } catch {
            close(descriptor)
            throw error
        }
    }

    private func connection() throws -> (descriptor: Int32, wasKept: Bool) {
        if let kept = idle.withLock({ $0.popLast() }) { return (kept, true) }
        return (try open(), false)
    }

    private func open() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HTTPFailure("no socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw HTTPFailure("nobody answers at 127.0.0.1:\(port) (errno \(code))")
        }
        var one: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    private func send(_ descriptor: Int32, _ bytes: Data) throws {
        let all = [UInt8](bytes)
        var sent = 0
        while sent < all.count {
            let rest = Array(all[sent...])
            let count = unsafe Glibc.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { throw Unanswered(hasBegun: false) }
            sent += count
        }
    }

    private func receive(_ descriptor: Int32) throws -> (HTTPAnswer, isKept: Bool) {
        var parser = HTTPAnswerParser()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                if let answer = try parser.take(buffer[..<count]) { return (answer, parser.isKept) }
            } else if count == 0 {
                if let answer = parser.end() { return (answer, false) }
                throw Unanswered(hasBegun: parser.hasBegun)
            } else if errno != EINTR {
                throw errno == EAGAIN ? HTTPFailure("no answer in time") : Unanswered(hasBegun: parser.hasBegun)
            }
        }
    }
}
