import Testing
import Wire

@testable import SCTP

@Suite struct DataChannelTests {
    /// Two peers on a path that loses what its own random source says, and delays nothing.
    private struct Pair {
        var client: DataChannels
        var server: DataChannels
        var now = Instant.origin + .seconds(1)
        var loss = 0.0
        var random: SeededRandom
        var clientEvents: [DataChannels.Event] = []
        var serverEvents: [DataChannels.Event] = []

        init(seed: UInt64 = 1) {
            random = SeededRandom(seed: seed)
            client = DataChannels(AssociationPair.association(random.split()), isClient: true)
            server = DataChannels(AssociationPair.association(random.split()), isClient: false)
        }

        mutating func run(for interval: Interval = .seconds(1)) {
            let end = now + interval
            while true {
                exchange()
                let next = min(client.deadline, server.deadline)
                guard next <= end else { break }
                now = max(now, next)
                client.advance(to: now)
                server.advance(to: now)
            }
            now = end
        }

        private mutating func exchange() {
            var isMoving = true
            while isMoving {
                isMoving = false
                while let packet = client.nextTransmit(now: now) {
                    isMoving = true
                    guard Double.random(in: 0..<1, using: &random) >= loss else { continue }
                    try? server.receive(packet.span.bytes, now: now)
                }
                while let packet = server.nextTransmit(now: now) {
                    isMoving = true
                    guard Double.random(in: 0..<1, using: &random) >= loss else { continue }
                    try? client.receive(packet.span.bytes, now: now)
                }
            }
            while let event = client.nextEvent() { clientEvents.append(event) }
            while let event = server.nextEvent() { serverEvents.append(event) }
        }

        mutating func forgetEvents() {
            clientEvents = []
            serverEvents = []
        }

        static func connected(seed: UInt64 = 1) -> Pair {
            var pair = Pair(seed: seed)
            pair.client.connect(now: pair.now)
            pair.server.connect(now: pair.now)
            pair.run()
            return pair
        }
    }

    private let chat = ChannelParameters(
        label: "chat ✓", protocolName: "json",
        reliability: Reliability(isOrdered: false, limit: .retransmissions(3)), priority: 512)

    @Test func aChannelOpensWithAllThatItWasGiven() throws {
        var pair = Pair.connected()
        let id = try pair.client.open(chat, now: pair.now)
        #expect(id == 0)
        pair.run()
        #expect(pair.clientEvents == [.opened(0, chat)])
        #expect(pair.serverEvents == [.opened(0, chat)])
        #expect(pair.server[0]?.state == .open)
    }

    @Test func channelsOpenedBeforeTheAssociationStandsOpenWithIt() throws {
        var pair = Pair()
        #expect(try pair.client.open(chat, now: pair.now) == 0)
        #expect(try pair.server.open(chat, now: pair.now) == 1)
        pair.client.connect(now: pair.now)
        pair.run()
        #expect(Set(pair.clientEvents) == [.opened(0, chat), .opened(1, chat)])
        #expect(Set(pair.serverEvents) == [.opened(0, chat), .opened(1, chat)])
    }

    @Test func textAndBytesAndNothingArriveAsWhatTheyAre() throws {
        var pair = Pair.connected()
        let id = try pair.client.open(ChannelParameters(label: ""), now: pair.now)
        let messages = [
            ChannelMessage("grüezi"), ChannelMessage(""), ChannelMessage(.binary, [0, 1, 2]),
            ChannelMessage(.binary, []),
        ]
        // At once, behind the opening (RFC 8832 section 6).
        for message in messages { try pair.client.send(message, on: id, now: pair.now) }
        pair.run()
        #expect(pair.serverEvents.dropFirst() == messages.map { .message(id, $0) }[...])
        for message in messages.reversed() { try pair.server.send(message, on: id, now: pair.now) }
        pair.run()
        #expect(pair.clientEvents.dropFirst() == messages.reversed().map { .message(id, $0) }[...])
        #expect(pair.client[id]?.messagesSent == 4 && pair.client[id]?.bytesSent == 10)
        #expect(pair.client[id]?.messagesReceived == 4 && pair.client[id]?.bytesReceived == 10)
    }

    @Test func closingEndsBothSidesAfterWhatWasSent() throws {
        var pair = Pair.connected()
        let id = try pair.client.open(chat, now: pair.now)
        pair.run()
        pair.forgetEvents()
        try pair.client.send(ChannelMessage("last"), on: id, now: pair.now)
        pair.client.close(id, now: pair.now)
        pair.run()
        #expect(pair.serverEvents == [.message(id, ChannelMessage("last")), .closed(id)])
        #expect(pair.clientEvents == [.closed(id)])
        #expect(pair.client.ids == [] && pair.server.ids == [])
        let now = pair.now
        #expect(throws: Association.SendError.notConnected) {
            try pair.client.send(ChannelMessage("late"), on: id, now: now)
        }
        // The stream serves again, from its first number.
        #expect(try pair.client.open(chat, now: pair.now) == id)
        try pair.client.send(ChannelMessage("anew"), on: id, now: pair.now)
        pair.run()
        #expect(pair.serverEvents.last == .message(id, ChannelMessage("anew")))
    }

    @Test(arguments: 1...4) func aHundredChannelsOpenTalkAndCloseUnderLoss(seed: Int) throws {
        var pair = Pair.connected(seed: UInt64(seed))
        pair.loss = 0.1
        for index in 0..<100 {
            let parameters = ChannelParameters(label: "\(index)")
            let id =
                try index % 2 == 0
                ? pair.client.open(parameters, now: pair.now)
                : pair.server.open(parameters, now: pair.now)
            if index % 2 == 0 {
                try pair.client.send(ChannelMessage("\(index)"), on: id, now: pair.now)
            } else {
                try pair.server.send(ChannelMessage("\(index)"), on: id, now: pair.now)
            }
        }
        pair.run(for: .seconds(120))
        #expect(pair.client.ids.count == 100 && pair.server.ids.count == 100)
        #expect(pair.clientEvents.count == 150 && pair.serverEvents.count == 150)
        pair.forgetEvents()
        for id in pair.client.ids { if id % 3 == 0 { pair.server.close(id, now: pair.now) } }
        for id in pair.client.ids { if id % 3 != 1 { pair.client.close(id, now: pair.now) } }
        pair.run(for: .seconds(120))
        #expect(pair.client.ids == pair.server.ids)
        #expect(pair.client.ids.allSatisfy { $0 % 3 == 1 })
        #expect(Set(pair.clientEvents) == Set(pair.serverEvents))
    }

    @Test func endOfTheAssociationClosesAll() throws {
        var pair = Pair.connected()
        _ = try pair.client.open(chat, now: pair.now)
        pair.run()
        pair.forgetEvents()
        pair.server.abort(now: pair.now)
        pair.run()
        #expect(pair.clientEvents == [.closed(0), .ended(.closedByPeer)])
        #expect(pair.serverEvents == [.closed(0), .ended(.closedHere)])
    }

    // MARK: Bounds

    @Test func allStreamsCanBeUsedAndNoneMore() throws {
        var pair = Pair.connected()
        for _ in 0..<512 { _ = try pair.client.open(ChannelParameters(label: "x"), now: pair.now) }
        pair.run(for: .seconds(10))
        #expect(pair.server.ids.count == 512)
        let now = pair.now
        #expect(throws: DataChannels.OpenError.noStream) {
            _ = try pair.client.open(ChannelParameters(label: "x"), now: now)
        }
    }

    @Test func namesAreBoundedTogether() throws {
        var pair = Pair.connected()
        let long = ChannelParameters(label: String(repeating: "x", count: 60_000))
        for _ in 0..<4 { _ = try pair.client.open(long, now: pair.now) }
        let now = pair.now
        #expect(throws: DataChannels.OpenError.nameTooLong) { _ = try pair.client.open(long, now: now) }
        let longest = ChannelParameters(label: String(repeating: "x", count: 65_536))
        #expect(throws: DataChannels.OpenError.nameTooLong) { _ = try pair.server.open(longest, now: now) }
        pair.run(for: .seconds(10))
        #expect(pair.server.ids.count == 4)
    }

    /// The peer's own side lies: it opens streams of the other parity, and with bytes that say nothing.
    @Test(
        arguments: [
            [3, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], [3, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [9], [3, 0], [],
            [3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0xFF],
        ] as [[UInt8]]) func whatIsNoOpeningOpensNothing(bytes: [UInt8])
    {
        #expect(throws: ParseError.self) { _ = try EstablishmentMessage(parsing: bytes) }
    }

    @Test func aChannelOfTheWrongSideIsRefused() throws {
        var pair = Pair.connected()
        let other = DataChannels(AssociationPair.association(SeededRandom(seed: 9)), isClient: false)
        pair.client = other
        pair.client.connect(now: pair.now)
        pair.run(for: .seconds(3))
        pair.forgetEvents()
        _ = try pair.client.open(chat, now: pair.now)
        pair.run(for: .seconds(3))
        #expect(pair.serverEvents == [])
        #expect(pair.server.strayMessages == 1)
        #expect(pair.server.ids == [])
    }

    @Test func openingRoundTrips() throws {
        for limit in [Reliability.Limit.none, .retransmissions(0), .lifetime(.milliseconds(1500))] {
            for isOrdered in [true, false] {
                let parameters = ChannelParameters(
                    label: "l", protocolName: "p", reliability: Reliability(isOrdered: isOrdered, limit: limit))
                let bytes = try #require(EstablishmentMessage.open(parameters).bytes)
                #expect(try EstablishmentMessage(parsing: bytes) == .open(parameters))
            }
        }
    }
}
