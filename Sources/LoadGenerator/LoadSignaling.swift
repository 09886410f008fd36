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
}

/// A client that a server has taken in.
public protocol SignaledSession: Sendable {
    /// The client leaves. Called once, also for a client whose media never came; errors are nobody's concern.
    func close() async
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
