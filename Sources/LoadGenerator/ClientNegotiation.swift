import DTLS
import ICE
import RTP
import SDP
import Synchronization
public import Wire

/// One client's side of offer and answer, handed to a ``LoadSignaling``.
///
/// Either the client offers: ``offer()``, then ``accept(answer:publishers:)``. Or the server does:
/// ``answer(to:publishers:)``. Descriptions hold the client's candidate; there is nothing to trickle.
public final class ClientNegotiation: Sendable {
    /// What the client is to the room.
    public enum Role: Sendable, Hashable {
        case publisher(Int)
        case subscriber(Int)
    }

    public let role: Role
    /// The address of the client's socket.
    public let address: SocketAddress
    let credentials: Credentials
    private let capabilities: EndpointCapabilities
    private let layout: SectionLayout
    private let state = Mutex(State())

    private struct State {
        var offered: SessionDescription?
        var result: NegotiatedClient?
    }

    init(
        role: Role, address: SocketAddress, credentials: Credentials, capabilities: EndpointCapabilities,
        layout: SectionLayout
    ) {
        self.role = role
        self.address = address
        self.credentials = credentials
        self.capabilities = capabilities
        self.layout = layout
    }

    /// The client's offer: what a publisher sends, or one section for each stream of each publisher, video first.
    public func offer() -> String {
        let description = layout.offer(with: capabilities, candidate: candidate)
        state.withLock { $0.offered = description }
        return description.text
    }

    /// Takes the server's answer. `publishers` says, for each section in its order, which publisher a subscriber gets
    /// there; nil: the nth section of a kind is the nth publisher's.
    public func accept(answer: String, publishers: [Int]? = nil) throws {
        guard let offered = state.withLock({ $0.offered }) else {
            throw SDPError(.missing, "there was no offer", hint: "call offer() first")
        }
        let negotiation = try Negotiator.accept(
            answer: SessionDescription(parsing: answer), to: offered, with: capabilities)
        try finish(negotiation, isControlling: true, publishers: publishers)
    }

    /// Answers the server's offer; `publishers` as in ``accept(answer:publishers:)``.
    public func answer(to offer: String, publishers: [Int]? = nil) throws -> String {
        let negotiation = try Negotiator.answer(to: SessionDescription(parsing: offer), with: capabilities)
        try finish(negotiation, isControlling: false, publishers: publishers)
        return negotiation.localDescription.adding(candidates: [candidate]).text
    }

    var result: NegotiatedClient? { state.withLock { $0.result } }

    private var candidate: String { Candidate.host(address: address, socket: 0).sdp }

    private func finish(_ negotiation: Negotiation, isControlling: Bool, publishers: [Int]?) throws {
        let client = NegotiatedClient(
            path: try NegotiatedPath(negotiation, local: credentials, isControlling: isControlling),
            media: try layout.media(negotiation, publishers: publishers))
        state.withLock { $0.result = client }
    }
}
