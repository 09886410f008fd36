import Testing
import Wire

@testable import DTLS

/// Application data, by OpenSSL and by the keys of a retired handshake, each with the other and with itself.
@Suite struct DataTests {
    private func pair(retired: Int) throws -> Pair {
        let pair = try Pair()
        pair.client.endpoint.carriesData = true
        pair.server.endpoint.carriesData = true
        pair.start()
        pair.run()
        try #require(pair.areConnected)
        if retired & 1 != 0 { pair.client.endpoint.retireHandshake() }
        if retired & 2 != 0 { pair.server.endpoint.retireHandshake() }
        return pair
    }

    private func received(_ side: Side) -> [[UInt8]] {
        var data: [[UInt8]] = []
        while let bytes = side.endpoint.nextData() { data.append(bytes) }
        return data
    }

    @Test(arguments: 0...3) func dataArriveAsTheyWereSent(_ retired: Int) throws {
        let pair = try pair(retired: retired)
        for size in [1, 100, 1163] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
            pair.client.endpoint.send(bytes)
            pair.server.endpoint.send(bytes)
            pair.exchange()
            #expect(received(pair.server) == [bytes])
            #expect(received(pair.client) == [bytes])
        }
        #expect(pair.client.largest <= Limits.datagramSize)
    }

    @Test func dataGoOnWhenTheHandshakeIsRetiredInBetween() throws {
        let pair = try pair(retired: 0)
        for step in 0..<3 {
            pair.client.endpoint.send([UInt8(step)])
            pair.server.endpoint.send([UInt8(step)])
            pair.exchange()
            #expect(received(pair.server) == [[UInt8(step)]] && received(pair.client) == [[UInt8(step)]])
            if step == 0 { pair.client.endpoint.retireHandshake() } else { pair.server.endpoint.retireHandshake() }
        }
    }

    @Test(arguments: 0...3) func aRecordCountsOnceAndOnlyUnchanged(_ retired: Int) throws {
        let pair = try pair(retired: retired)
        pair.client.endpoint.send([1, 2, 3])
        let record = try #require(pair.client.drain().first)
        for position in record.indices where position > 4 {
            var changed = record
            changed[position] ^= 1
            pair.server.receive(changed, now: pair.now)
        }
        #expect(received(pair.server) == [])
        for _ in 0..<2 { pair.server.receive(record, now: pair.now) }
        #expect(received(pair.server) == [[1, 2, 3]])
    }

    @Test func recordsMayComeInAnyOrderWithinTheWindow() throws {
        let pair = try pair(retired: 3)
        var records: [[UInt8]] = []
        for number in 0..<80 {
            pair.client.endpoint.send([UInt8(number)])
            records += pair.client.drain()
        }
        for record in records.reversed() { pair.server.receive(record, now: pair.now) }
        // The window has 64 places; what is older than that is as good as lost.
        #expect(received(pair.server).count == 64)
    }

    @Test func nothingIsSentWithoutKeys() throws {
        let pair = try Pair()
        pair.client.endpoint.send([1])
        #expect(pair.client.drain().isEmpty)
    }
}
