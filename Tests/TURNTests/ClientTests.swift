import STUN
import Testing
import Wire

@testable import TURN

/// The client against the server, without a network between them.
@Suite struct ClientTests {
    private let peer = SocketAddress(ip: IPAddress("192.0.2.50")!, port: 7000)

    /// Passes what both have to say until nobody has anything; returns data that left for peers.
    private func talk(_ client: inout Client, _ bench: Bench) -> [[UInt8]] {
        var data: [[UInt8]] = []
        for _ in 0..<20 {
            var isQuiet = true
            while let bytes = client.nextTransmit() {
                isQuiet = false
                if case .data(_, _, let range)? = try? bench.server.receive(
                    bytes.span.bytes, from: bench.client, now: bench.now)
                {
                    data.append(Array(bytes[range]))
                }
                bench.bind()
            }
            while let transmit = bench.server.nextTransmit() {
                isQuiet = false
                try? client.receive(transmit.bytes.span.bytes, now: bench.now)
            }
            if isQuiet { break }
        }
        return data
    }

    private func client(_ now: Instant, password: String = Bench.password) -> Client {
        Client(
            ClientConfiguration(username: Bench.user, password: password), random: SeededRandom(seed: 3), now: now)
    }

    private func connected(_ bench: Bench) -> Client {
        var client = client(bench.now)
        _ = talk(&client, bench)
        return client
    }

    @Test func itGetsAnAddressAndPassesDataFirstInIndicationsThenInAChannel() {
        let bench = Bench()
        var client = connected(bench)
        #expect(client.relayed?.ip == Bench.listener.ip)
        client.send([1], to: peer, now: bench.now)
        let passed = talk(&client, bench)
        #expect(passed == [[1]], "what waited for the permission goes")
        for byte in UInt8(2)...6 {
            client.send([byte], to: peer, now: bench.now)
            let passed = talk(&client, bench)
            #expect(passed == [[byte]])
        }
        let back = bench.come(from: peer)
        #expect(back == .success(.channel(0x4000, client: bench.client)))
    }

    @Test func whatComesFromAPeerIsToldWithItsAddress() throws {
        let bench = Bench()
        var client = connected(bench)
        while client.nextEvent() != nil {}
        let indication = bench.server.indication([9, 9], from: peer)
        try client.receive(indication.span.bytes, now: bench.now)
        let event = client.nextEvent()
        #expect(event == .received([9, 9], from: peer))
    }

    @Test func itKeepsEverythingAliveForHours() {
        let bench = Bench()
        var client = connected(bench)
        for second in 0..<(3 * 3600) {
            bench.advance(.seconds(1))
            if client.deadline <= bench.now { client.advance(to: bench.now) }
            if second % 10 == 0 { client.send([UInt8(second & 0xFF)], to: peer, now: bench.now) }
            let passed = talk(&client, bench)
            #expect(second % 10 != 0 || passed == [[UInt8(second & 0xFF)]], "after \(second) s")
        }
        #expect(client.relayed != nil)
    }

    @Test func wrongPasswordsAndSilenceEndInAReason() {
        let bench = Bench()
        var wrong = client(bench.now, password: "wrong")
        _ = talk(&wrong, bench)
        #expect(wrong.state == .failed(.unauthenticated))
        var lonely = client(bench.now)
        var now = bench.now
        var sends = 0
        while lonely.state == .allocating, lonely.deadline != .distantFuture {
            while lonely.nextTransmit() != nil { sends += 1 }
            now = lonely.deadline
            lonely.advance(to: now)
        }
        #expect(lonely.state == .failed(.noAnswer) && sends == Limits.requestSends)
    }

    @Test func aPeerThatIsRefusedIsToldAndWhatWaitedForItDropped() {
        let bench = Bench()
        var client = connected(bench)
        while client.nextEvent() != nil {}
        let loopback = SocketAddress(ip: IPAddress("127.0.0.1")!, port: 1)
        client.send([1], to: loopback, now: bench.now)
        let passed = talk(&client, bench)
        #expect(passed.isEmpty)
        let event = client.nextEvent()
        #expect(event == .refused(peer: loopback, .forbidden))
        #expect(client.deadline > bench.now + .seconds(60), "it is not asked again and again")
    }

    @Test func whatIsNotSignedChangesNothing() throws {
        let bench = Bench()
        var client = client(bench.now)
        // The challenge comes, and the Allocate with credentials is on its way.
        let first = client.nextTransmit() ?? []
        bench.give(first, from: bench.client)
        _ = try? bench.server.receive(first.span.bytes, from: bench.client, now: bench.now)
        while let transmit = bench.server.nextTransmit() {
            try? client.receive(transmit.bytes.span.bytes, now: bench.now)
        }
        let request = client.nextTransmit() ?? []
        let id = try Message(parsing: request.span.bytes).transactionID
        var forged = MessageBuilder(MessageType(.success, .allocate), transactionID: id)
        forged.addXOR(.xorRelayedAddress, peer)
        forged.addXORMappedAddress(peer)
        let bytes = forged.finish(key: [1, 2, 3])
        #expect(throws: DropReason.stunBadIntegrity) { try client.receive(bytes.span.bytes, now: bench.now) }
        #expect(client.state == .allocating)
    }

    @Test func closingGivesTheAllocationBack() {
        let bench = Bench()
        var client = connected(bench)
        client.close(now: bench.now)
        _ = talk(&client, bench)
        let count = bench.server.allocationCount
        #expect(count == 0 && client.state == .closed)
    }
}

/// Cutting streams.
@Suite struct StreamFramerTests {
    @Test func messagesAndPaddedChannelDataComeWholeHoweverTheyAreCut() {
        var message = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 1, low: 2))
        message.addUsername("alice")
        let first = message.finish(key: nil)
        let data = Array(UInt8(0)..<13)
        let stream = first + ChannelData.message(0x4001, data, isPadded: true) + first
        for size in 1...stream.count {
            var framer = StreamFramer()
            var frames: [[UInt8]] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                framer.receive(Array(stream[start..<min(start + size, stream.count)]))
                while let frame = framer.next() { frames.append(frame) }
            }
            #expect(frames == [first, ChannelData.message(0x4001, data, isPadded: false), first])
        }
    }

    @Test func whatIsNeitherBreaksTheStream() {
        var framer = StreamFramer()
        framer.receive([0x16, 0x03, 0x01, 0x02, 0x00])
        let frame = framer.next()
        #expect(frame == nil && framer.isBroken)
        let isTaken = framer.receive([0, 1, 0, 0])
        #expect(!isTaken)
    }
}
