import Testing
import Wire

@testable import DTLS

/// An association whose handshake was retired has only the keys of its records; OpenSSL, on the other side of the
/// tests, must not notice.
@Suite struct RetirementTests {
    /// - Parameter retired: 1 for the client's handshake, 2 for the server's, 3 for both.
    private func pair(retired: Int) throws -> Pair {
        let pair = try Pair()
        pair.start()
        pair.run()
        try #require(pair.areConnected)
        if retired & 1 != 0 { pair.client.endpoint.retireHandshake() }
        if retired & 2 != 0 { pair.server.endpoint.retireHandshake() }
        return pair
    }

    @Test(arguments: 1...3, [true, false])
    func eitherSideSaysGoodbyeAndTheOtherAnswers(_ retired: Int, _ clientCloses: Bool) throws {
        let pair = try pair(retired: retired)
        let (closing, other) = clientCloses ? (pair.client, pair.server) : (pair.server, pair.client)
        closing.endpoint.close()
        pair.exchange()
        #expect(closing.endpoint.state == .closed)
        #expect(other.endpoint.state == .closed && other.events.last == .closed)
    }

    @Test(arguments: 1...3) func aChangedGoodbyeIsNone(_ retired: Int) throws {
        let pair = try pair(retired: retired)
        pair.client.endpoint.close()
        let goodbye = try #require(pair.client.drain().first)
        for position in goodbye.indices where position != 1 && position != 2 {
            var changed = goodbye
            changed[position] ^= 0x10
            pair.server.receive(changed, now: pair.now)
            #expect(pair.server.endpoint.state == .connected, "byte \(position) is not authenticated")
        }
        for length in goodbye.indices { pair.server.receive(Array(goodbye[..<length]), now: pair.now) }
        #expect(pair.server.endpoint.state == .connected)
        pair.server.receive(goodbye, now: pair.now)
        #expect(pair.server.endpoint.state == .closed)
    }

    @Test func applicationDataAndARepeatedHandshakeAreNamedAndChangeNothing() throws {
        let pair = try Pair()
        var lastOfClient: [UInt8] = []
        pair.route = { _, fromClient, datagram in
            if fromClient { lastOfClient = datagram }
            return [datagram]
        }
        pair.start()
        pair.run()
        pair.server.endpoint.retireHandshake()
        #expect(pair.server.receive(lastOfClient, now: pair.now) == .dtlsUnexpected)
        pair.client.endpoint.send([1, 2, 3])
        let data = try #require(pair.client.drain().first)
        #expect(pair.server.receive(data, now: pair.now) == .applicationDataUnsupported)
        #expect(pair.server.drain().isEmpty && pair.server.endpoint.state == .connected)
    }

    @Test func nothingIsRetiredBeforeTheKeysAreThere() throws {
        let pair = try Pair()
        pair.client.endpoint.retireHandshake()
        pair.server.endpoint.retireHandshake()
        pair.start()
        pair.client.endpoint.retireHandshake()
        pair.run()
        #expect(pair.areConnected)
    }
}
