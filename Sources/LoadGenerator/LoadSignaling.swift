public import Wire

/// How clients of the load generator come into a server: the part in which servers differ. Media, contents and
/// measurement are the same for all of them.
///
/// Each call is one attempt of one client. A throw is counted as a failed attempt and its description goes into the
/// report; ``SignalingRetry`` asks for another attempt.
public protocol LoadSignaling: Sendable {
    /// Brings in publisher number `number` (from 0). Publishers are brought in one after the other, in their order.
    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession
    /// Brings in subscriber number `number` (from 0), rogues behind the witnesses. Several run at the same time.
    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession
    /// Brings a client in again that takes the place of `former`. `notice` is what the server said about that, if it
    /// did.
    func rejoin(
        _ client: ClientNegotiation, after former: any SignaledSession, _ notice: SessionNotice?
    ) async throws -> any SignaledSession
}

extension LoadSignaling {
    public func rejoin(
        _ client: ClientNegotiation, after former: any SignaledSession, _ notice: SessionNotice?
    ) async throws -> any SignaledSession {
        switch client.role {
        case .publisher(let number): try await publish(client, number: number)
        case .subscriber(let number): try await subscribe(client, number: number)
        }
    }
}

/// What a server tells a client that is in.
public struct SessionNotice: Sendable, Hashable {
    /// Media still flows over the old connection, which is to be closed when it does over the new one.
    public var hasMedia: Bool
    /// Wait for a random part of this time.
    public var within: Interval
    /// Where to come in, in the server's own words; nil for where the client came in before.
    public var place: String?

    public init(hasMedia: Bool, within: Interval = .zero, place: String? = nil) {
        self.hasMedia = hasMedia
        self.within = within
        self.place = place
    }
}

/// A client that a server has taken in.
public protocol SignaledSession: Sendable {
    /// The client leaves. Called once, also for a client whose media never came; errors are nobody's concern.
    func close() async
    /// That the client is to connect anew, as the server says it. Called once, where the plan follows such notices.
    func notices() -> AsyncStream<SessionNotice>
}

extension SignaledSession {
    /// None ever.
    public func notices() -> AsyncStream<SessionNotice> { AsyncStream { _ in } }
}

/// A refusal that may pass: a full queue, a server that still starts.
public struct SignalingRetry: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// Wait before the next attempt.
    public let delay: Interval

    public init(_ description: String, after delay: Interval = .milliseconds(200)) {
        self.description = description
        self.delay = delay
    }
}
