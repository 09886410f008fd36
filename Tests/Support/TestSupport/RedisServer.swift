public import Foundation
import Glibc

/// A redis-server of the test's own, on a free loopback port and with a directory of its own.
public final class RedisServer: @unchecked Sendable {
    public let port: UInt16
    public let directory: URL
    private let password: String?
    private var processID: pid_t = 0

    public struct CannotStart: Error {}

    public init(password: String? = nil) async throws {
        directory = URL(fileURLWithPath: "/tmp/apus-redis-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        port = try Self.freePort()
        self.password = password
        try await start()
    }

    deinit { stop() }

    public var address: String { "redis://" + (password.map { ":\($0)@" } ?? "") + "127.0.0.1:\(port)" }
    public var socketPath: String { directory.path + "/s" }

    public func start() async throws {
        let arguments =
            [
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                directory.path, "--unixsocket", socketPath, "--logfile", "redis.log",
            ] + (password.map { ["--requirepass", $0] } ?? [])
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        guard posix_spawnp(&processID, "redis-server", nil, nil, &words, environ) == 0 else {
            processID = 0
            throw CannotStart()
        }
        for _ in 0..<500 {
            if Self.answers(port) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw CannotStart()
    }

    /// Ends it as a crash would.
    public func kill() {
        guard processID != 0 else { return }
        signal(SIGKILL)
        var status: Int32 = 0
        waitpid(processID, &status, 0)
        processID = 0
    }

    /// SIGSTOP and SIGCONT: connections stay, answers do not come.
    public func signal(_ number: Int32) {
        if processID != 0 { _ = Glibc.kill(processID, number) }
    }

    public func stop() {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    private static func withSocket<Result>(
        _ port: UInt16, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                body(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func freePort() throws -> UInt16 {
        let port: UInt16 = withSocket(0) { descriptor, address, length in
            guard bind(descriptor, address, length) == 0 else { return 0 }
            var bound = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutablePointer(to: &bound) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            return UInt16(bigEndian: bound.sin_port)
        }
        guard port != 0 else { throw CannotStart() }
        return port
    }

    private static func answers(_ port: UInt16) -> Bool {
        withSocket(port) { connect($0, $1, $2) == 0 }
    }
}
