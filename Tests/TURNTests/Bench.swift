import STUN
import Wire

@testable import TURN

/// A server, and what clients by hand need to talk to it.
final class Bench {
    static let listener = SocketAddress(ip: IPAddress("203.0.113.1")!, port: 3478)
    static let user = "alice"
    static let password = "secret"

    let client = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress("198.51.100.7")!, port: 5000))
    var server: TURN.Server
    var now = Instant(nanoseconds: 5_000_000_000)
    var nonce = ""
    /// Ports that cannot be bound.
    var taken: Set<UInt16> = []
    private(set) var relays: [Int32: SocketAddress] = [:]
    private var random = SeededRandom(seed: 9)

    init(_ change: (inout ServerConfiguration) -> Void = { _ in }) {
        var configuration = ServerConfiguration(listeners: [
            .init(address: Self.listener), .init(address: Self.listener, isStream: true),
        ])
        configuration.relayIPv4 = Self.listener.ip
        configuration.users = [Self.user: Self.password, "bob": "other"]
        configuration.allocations = 64
        change(&configuration)
        server = TURN.Server(configuration, random: SeededRandom(seed: 1))
    }

    /// What the server answered: class, error number, and a few attributes.
    struct Answer: Equatable {
        var isSuccess: Bool
        var error: UInt16?
        var relayed: SocketAddress?
        var mapped: SocketAddress?
        var lifetime: UInt32?
        var token: UInt64?
        var bytes: Int
    }

    func message(
        _ method: Method, user: String = Bench.user, password: String = Bench.password, realm: String = "apus",
        id: TransactionID? = nil, signs: Bool = true, random: inout SeededRandom,
        _ build: (inout MessageBuilder) -> Void = { _ in }
    ) -> [UInt8] {
        var builder = MessageBuilder(
            MessageType(.request, method), transactionID: id ?? TransactionID(random: &random))
        build(&builder)
        guard signs else { return builder.finish(key: nil, fingerprint: false) }
        builder.addUsername(user)
        builder.add(.realm, Array(realm.utf8))
        builder.add(.nonce, Array(nonce.utf8))
        let key = LongTermCredential.key(username: user, realm: "apus", password: password)
        return builder.finish(key: key, fingerprint: false)
    }

    /// Sends a request and returns the answer to it; nil when there is none.
    func ask(
        _ method: Method, user: String = Bench.user, password: String = Bench.password, from client: Tuple? = nil,
        id: TransactionID? = nil, signs: Bool = true, _ build: (inout MessageBuilder) -> Void = { _ in }
    ) -> Answer? {
        let bytes = message(
            method, user: user, password: password, id: id, signs: signs, random: &random, build)
        return give(bytes, from: client ?? self.client)
    }

    @discardableResult
    func give(_ bytes: [UInt8], from client: Tuple) -> Answer? {
        _ = try? server.receive(bytes.span.bytes, from: client, now: now)
        bind()
        var answer: Answer?
        while let transmit = server.nextTransmit() {
            guard transmit.client == client else { continue }
            answer = read(transmit.bytes)
        }
        return answer
    }

    private func read(_ bytes: [UInt8]) -> Answer? {
        guard let message = try? Message(parsing: bytes.span.bytes) else { return nil }
        if let nonce = message.nonce { self.nonce = nonce }
        return Answer(
            isSuccess: message.type.messageClass == .success, error: message.errorCode?.rawValue,
            relayed: message.xorRelayedAddress, mapped: message.xorMappedAddress, lifetime: message.lifetime,
            token: message.reservationToken, bytes: bytes.count)
    }

    func bind() {
        while let action = server.nextAction() {
            switch action {
            case .open(let relay, let address):
                if taken.contains(address.port) {
                    server.failedToOpen(relay, now: now)
                } else {
                    relays[relay] = address
                    server.opened(relay, now: now)
                }
            case .close(let relay): relays[relay] = nil
            }
        }
    }

    func advance(_ interval: Interval) {
        now = now + interval
        server.advance(to: now)
        bind()
    }

    /// The challenge, and then an allocation.
    func allocate(
        user: String = Bench.user, password: String = Bench.password, from client: Tuple? = nil,
        _ build: (inout MessageBuilder) -> Void = { _ in }
    ) -> Answer? {
        _ = ask(.allocate, from: client, signs: false) { $0.add(.requestedTransport, UInt32(17) << 24) }
        return ask(.allocate, user: user, password: password, from: client) {
            $0.add(.requestedTransport, UInt32(17) << 24)
            build(&$0)
        }
    }

    func permit(_ peer: SocketAddress) -> Answer? {
        ask(.createPermission) { $0.addXOR(.xorPeerAddress, peer) }
    }

    func bindChannel(_ number: UInt16, _ peer: SocketAddress) -> Answer? {
        ask(.channelBind) {
            $0.add(.channelNumber, UInt32(number) << 16)
            $0.addXOR(.xorPeerAddress, peer)
        }
    }

    /// What becomes of channel data: the peer it goes to, or why it does not.
    func pass(_ number: UInt16, _ data: [UInt8] = [1, 2, 3]) -> Result<SocketAddress, DropReason> {
        let bytes = ChannelData.message(number, data, isPadded: false)
        do throws(DropReason) {
            guard case .data(_, let peer, let range) = try server.receive(bytes.span.bytes, from: client, now: now)
            else {
                return .failure(.turnMalformed)
            }
            return Array(bytes[range]) == data ? .success(peer) : .failure(.turnMalformed)
        } catch {
            return .failure(error)
        }
    }

    /// What becomes of a peer's datagram.
    func come(from peer: SocketAddress, length: Int = 100) -> Result<TURN.Server.FromPeer, DropReason> {
        do throws(DropReason) {
            let relay = relays.keys.min() ?? 0
            return .success(try server.receive(fromPeer: peer, length: length, at: relay, now: now))
        } catch {
            return .failure(error)
        }
    }
}
