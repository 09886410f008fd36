import STUN
import Simulator
import Testing
import Wire

/// The observer of TURN servers finds what it is there for: each trace is a sound one with one thing wrong.
@Suite struct RelayObserverTests {
    private static let server = SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: 3478)
    private static let client = SocketAddress(ip: IPAddress(ipv4: 0xC633_6402), port: 1000)
    private static let relayed = SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: 50_000)
    private static let peer = SocketAddress(ip: IPAddress(ipv4: 0xC633_6403), port: 2000)
    private static let stranger = SocketAddress(ip: IPAddress(ipv4: 0xC633_6404), port: 2000)

    /// A server's host, with what passes there.
    private struct Trace {
        var observer = RelayObserver(
            listeners: [.init(address: server, carrier: .udp)], relayAddresses: [server.ip])
        var random = SeededRandom(seed: 1)
        var now = Instant.origin

        mutating func wait(_ seconds: Int64) { now = now + .seconds(seconds) }

        mutating func fromClient(_ bytes: [UInt8]) {
            observer.receives(Datagram(source: client, destination: server, payload: bytes), now: now)
        }

        mutating func toClient(_ bytes: [UInt8]) {
            observer.sends(Datagram(source: server, destination: client, payload: bytes), now: now)
        }

        mutating func fromPeer(_ payload: [UInt8], _ source: SocketAddress = peer) {
            observer.receives(Datagram(source: source, destination: relayed, payload: payload), now: now)
        }

        mutating func toPeer(_ payload: [UInt8], _ destination: SocketAddress = peer) {
            observer.sends(Datagram(source: relayed, destination: destination, payload: payload), now: now)
        }

        /// A request and its answer.
        mutating func ask(
            _ method: Method, answer messageClass: MessageClass = .success, lifetime: UInt32? = nil,
            _ build: (inout MessageBuilder) -> Void = { _ in }
        ) {
            let id = TransactionID(random: &random)
            var request = MessageBuilder(MessageType(.request, method), transactionID: id)
            build(&request)
            fromClient(request.finish(key: [1], fingerprint: false))
            var response = MessageBuilder(MessageType(messageClass, method), transactionID: id)
            if let lifetime { response.add(.lifetime, lifetime) }
            if method == .allocate { response.addXOR(.xorRelayedAddress, relayed) }
            toClient(response.finish(key: [1], fingerprint: false))
        }

        mutating func allocate(lifetime: UInt32 = 600) { ask(.allocate, lifetime: lifetime) }

        mutating func permit(_ peer: SocketAddress, answer: MessageClass = .success) {
            ask(.createPermission, answer: answer) { $0.addXOR(.xorPeerAddress, peer) }
        }

        mutating func bind(_ number: UInt16, _ peer: SocketAddress) {
            ask(.channelBind) {
                $0.add(.channelNumber, UInt32(number) << 16)
                $0.addXOR(.xorPeerAddress, peer)
            }
        }

        mutating func indication(_ method: Method, _ payload: [UInt8], _ peer: SocketAddress) -> [UInt8] {
            var builder = MessageBuilder(
                MessageType(.indication, method), transactionID: TransactionID(random: &random))
            builder.addXOR(.xorPeerAddress, peer)
            builder.add(.data, payload)
            return builder.finish(key: nil, fingerprint: false)
        }

        /// Data to a peer, and how it leaves.
        mutating func pass(_ payload: [UInt8], to peer: SocketAddress = peer) {
            fromClient(indication(.send, payload, peer))
            toPeer(payload, peer)
        }

        /// Data of a peer, and how it leaves.
        mutating func passBack(_ payload: [UInt8], of peer: SocketAddress = peer) {
            fromPeer(payload, peer)
            toClient(indication(.data, payload, peer))
        }

        static func channelData(_ number: UInt16, _ payload: [UInt8]) -> [UInt8] {
            [UInt8(number >> 8), UInt8(number & 0xFF), 0, UInt8(payload.count)] + payload
        }

        /// The one thing that was wrong.
        mutating func violation() -> String? {
            let all = observer.takeViolations()
            #expect(all.count <= 1, "\(all)")
            return all.first
        }
    }

    private static func allocated() -> Trace {
        var trace = Trace()
        trace.allocate()
        trace.permit(peer)
        return trace
    }

    @Test func aSoundTraceIsSound() {
        var trace = Self.allocated()
        trace.pass([1, 2, 3])
        trace.passBack([4, 5])
        trace.bind(0x4000, Self.peer)
        trace.fromClient(Trace.channelData(0x4000, [6]))
        trace.toPeer([6])
        trace.fromPeer([7, 8])
        trace.toClient(Trace.channelData(0x4000, [7, 8]))
        trace.wait(240)
        trace.permit(Self.peer)
        trace.wait(299)
        trace.pass([9])
        trace.ask(.refresh, lifetime: 600)
        trace.bind(0x4000, Self.peer)
        trace.wait(299)
        trace.passBack([10])
        #expect(trace.observer.takeViolations() == [])
        let seen = trace.observer.counters
        #expect(seen.allocations == 1 && seen.allocationRefreshes == 1)
        #expect(seen.permissions == 1 && seen.permissionRefreshes == 3)
        #expect(seen.channels == 1 && seen.channelRefreshes == 1)
        #expect(seen.toPeers.datagrams == 3 && seen.toPeers.bytes == 5)
        #expect(seen.toClients.datagrams == 3 && seen.toClients.bytes == 5)
    }

    @Test func aPeerWithoutPermissionIsSeen() {
        var trace = Self.allocated()
        trace.passBack([1], of: Self.stranger)
        #expect(trace.violation()?.contains("has no permission") == true)
        trace.pass([2], to: Self.stranger)
        #expect(trace.violation()?.contains("has no permission") == true)
        trace.permit(Self.stranger, answer: .error)
        trace.passBack([3], of: Self.stranger)
        #expect(trace.violation()?.contains("has no permission") == true, "a refusal is no permission")
    }

    @Test func aPermissionLastsThreeHundredSeconds() {
        var trace = Self.allocated()
        trace.wait(290)
        trace.pass([0])
        trace.wait(10)
        trace.passBack([1])
        #expect(trace.violation()?.contains("has no permission") == true)
        trace.wait(11)
        trace.fromClient(trace.indication(.send, [2], Self.peer))
        #expect(trace.violation()?.contains("was not renewed in time") == true)
    }

    @Test func whatSomebodyElseSendsFromAnOldPortIsNoLapse() {
        var trace = Self.allocated()
        trace.pass([0])
        trace.wait(1000)
        for second in 1...3 {
            trace.fromClient(trace.indication(.send, [UInt8(second)], Self.peer))
            #expect(trace.violation() == nil)
            trace.wait(5)
        }
        trace.toPeer([3])
        #expect(trace.violation() != nil, "nothing is relayed for them")
    }

    @Test func aChannelLastsSixHundredSeconds() {
        var trace = Trace()
        trace.allocate(lifetime: 600)
        trace.bind(0x4000, Self.peer)
        trace.wait(290)
        trace.permit(Self.peer)
        trace.ask(.refresh, lifetime: 3600)
        trace.wait(290)
        trace.permit(Self.peer)
        trace.fromClient(Trace.channelData(0x4000, [0]))
        trace.wait(20)
        trace.fromPeer([1])
        trace.toClient(Trace.channelData(0x4000, [1]))
        #expect(trace.violation()?.contains("after its end") == true)
        trace.fromClient(Trace.channelData(0x4000, [2]))
        #expect(trace.violation() == nil, "it may have been under way")
        trace.wait(11)
        trace.fromClient(Trace.channelData(0x4000, [2]))
        #expect(trace.violation()?.contains("was not renewed in time") == true)
        trace.fromPeer([3])
        trace.toClient(Trace.channelData(0x4001, [3]))
        #expect(trace.violation()?.contains("never bound") == true)
    }

    @Test func anAllocationEnds() {
        var trace = Self.allocated()
        trace.wait(299)
        trace.permit(Self.peer)
        trace.wait(299)
        trace.permit(Self.peer)
        trace.pass([0])
        trace.wait(3)
        trace.pass([1])
        #expect(trace.violation()?.contains("has no permission") == true)
        trace.wait(10)
        trace.fromClient(trace.indication(.send, [2], Self.peer))
        #expect(trace.violation()?.contains("the allocation of") == true)
        var given = Self.allocated()
        given.ask(.refresh, lifetime: 0)
        given.toPeer([3])
        #expect(given.violation()?.contains("nobody's") == true)
        var long = Trace()
        long.allocate(lifetime: 1200)
        #expect(long.violation()?.contains("did not ask for a time") == true)
    }

    @Test func everyByteIsAccountedFor() {
        var trace = Self.allocated()
        trace.pass([1, 2, 3])
        trace.toPeer([1, 2, 3])
        #expect(trace.violation()?.contains("did not send") == true, "once for each")
        trace.fromClient(trace.indication(.send, [4, 5], Self.peer))
        trace.toPeer([4])
        #expect(trace.violation()?.contains("did not send") == true, "unchanged")
        trace.permit(Self.stranger)
        trace.toPeer([4, 5], Self.stranger)
        #expect(trace.violation()?.contains("did not send") == true, "to nobody else")
        trace.passBack([6])
        trace.toClient(trace.indication(.data, [6], Self.peer))
        #expect(trace.violation()?.contains("did not send") == true)
        #expect(trace.observer.counters.toPeers.bytes == 3 + 3 + 1 + 2)
    }

    @Test func aLoopIsSeen() {
        var trace = Self.allocated()
        trace.permit(Self.server)
        trace.pass([1], to: Self.server)
        #expect(trace.violation()?.contains("relays to itself") == true)
    }

    @Test func anAddressIsOfOneClient() {
        var trace = Self.allocated()
        let id = TransactionID(random: &trace.random)
        let other = SocketAddress(ip: Self.client.ip, port: 1001)
        let request = MessageBuilder(MessageType(.request, .allocate), transactionID: id)
        trace.observer.receives(
            Datagram(source: other, destination: Self.server, payload: request.finish(key: [1], fingerprint: false)),
            now: trace.now)
        var response = MessageBuilder(MessageType(.success, .allocate), transactionID: id)
        response.addXOR(.xorRelayedAddress, Self.relayed)
        response.add(.lifetime, UInt32(600))
        trace.observer.sends(
            Datagram(source: Self.server, destination: other, payload: response.finish(key: [1], fingerprint: false)),
            now: trace.now)
        #expect(trace.violation()?.contains("two clients") == true)
    }
}
