import Reactor
import STUN
import Synchronization
import TURN
import Testing
import Wire

/// A relay's clients over TCP, without the TCP.
@Suite struct RelayStreamTests {
    /// What the relay handed over, batch by batch.
    private final class Batches: Sendable {
        let all = Mutex<[[RelayLoop.StreamOutput]]>([])

        func wait(for count: Int) async -> [[RelayLoop.StreamOutput]] {
            for _ in 0..<500 {
                let batches = all.withLock { $0 }
                if batches.reduce(0, { $0 + $1.count }) >= count { return batches }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return all.withLock { $0 }
        }
    }

    private static let listener = SocketAddress(ip: IPAddress(ipv4: 0x7F00_0001), port: 3478)
    private static let clients = [UInt16(5000), 5001].map {
        Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: $0))
    }

    private static func loop(_ batches: Batches, takes: Bool = true) throws -> RelayLoop {
        var configuration = ServerConfiguration(listeners: [.init(address: listener, isStream: true)])
        configuration.relayIPv4 = listener.ip
        configuration.users = ["user": "password"]
        return try RelayLoop(configuration) { batch in
            batches.all.withLock { $0.append(batch) }
            return takes
        }
    }

    private static func request(_ seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return MessageBuilder(MessageType(.request), transactionID: TransactionID(random: &random)).finish(key: nil)
    }

    @Test func answersToWhatCameTogetherLeaveTogetherAndInOrder() async throws {
        let batches = Batches()
        let loop = try Self.loop(batches)
        let requests = (UInt64(1)...20).map(Self.request)
        #expect(loop.send(.frames(requests, from: Self.clients[0])))
        let outputs = await batches.wait(for: 20)
        #expect(outputs.count == 1)
        let answers = outputs.flatMap(\.self)
        #expect(answers.allSatisfy { $0.client == Self.clients[0] })
        // The transaction's identifier is at 8..<20 of each.
        #expect(answers.map { Array($0.bytes[8..<20]) } == requests.map { Array($0[8..<20]) })
        #expect(loop.send(.frames([Self.request(99)], from: Self.clients[1])))
        #expect(await batches.wait(for: 21).last?.map(\.client) == [Self.clients[1]])
        await loop.stop()
    }

    @Test func whatNobodyTakesIsCounted() async throws {
        let batches = Batches()
        let loop = try Self.loop(batches, takes: false)
        #expect(loop.send(.frames((UInt64(1)...300).map(Self.request), from: Self.clients[0])))
        let sizes = await batches.wait(for: 300).map(\.count)
        #expect(sizes.max() == 256 && sizes.reduce(0, +) == 300)
        let statistics = await loop.statistics()
        #expect(statistics?.drops[.streamBacklogFull] == 300)
        await loop.stop()
    }
}
