import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct HeartbeatListenerTests {
    private final class Heard: Sendable {
        let datagrams = Mutex<[[UInt8]]>([])
        var count: Int { datagrams.withLock { $0.count } }
    }

    private func quiet() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    private func send(_ datagrams: [[UInt8]], to address: String) async throws {
        let parts = address.split(separator: ":")
        let target = try SocketAddress(ipAddress: String(parts[0]), port: try #require(Int(parts[1])))
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        for bytes in datagrams {
            let envelope = AddressedEnvelope(remoteAddress: target, data: ByteBuffer(bytes: bytes))
            try await channel.writeAndFlush(envelope)
        }
        try await channel.close()
    }

    private func eventually(_ condition: () -> Bool) async throws -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(30))
        while ContinuousClock.now < end {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    @Test func datagramsAreHandedOnAsTheyCame() async throws {
        let heard = Heard()
        let listener = await HeartbeatListener(["127.0.0.1"], port: 0, logger: quiet()) { bytes in
            heard.datagrams.withLock { $0.append(bytes) }
        }
        let address = try #require(listener.addresses.first)
        try await send([[1, 2, 3], [], [UInt8](repeating: 7, count: 4000), [4]], to: address)
        #expect(try await eventually { heard.datagrams.withLock { $0.last } == [4] })
        let sizes = heard.datagrams.withLock { $0.map(\.count) }
        #expect(sizes.first == 3 && sizes.max() == 512, "what is too long comes cut off: \(sizes)")
        await listener.close()
    }

    @Test func anAddressThatCannotBeBoundIsNotAdvertised() async throws {
        let first = await HeartbeatListener(["127.0.0.1"], port: 0, logger: quiet()) { _ in }
        let port = try #require(first.addresses.first?.split(separator: ":").last.flatMap { Int($0) })
        let second = await HeartbeatListener(["127.0.0.1", "127.0.0.2"], port: port, logger: quiet()) { _ in }
        #expect(second.addresses == ["127.0.0.2:\(port)"])
        await first.close()
        await second.close()
    }
}
