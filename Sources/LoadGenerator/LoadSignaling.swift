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

/// A path whose keys and addresses were agreed on outside of ICE and DTLS: for a plain loop that the generator is
/// compared with. SRTP is real; the client sends and expects at once.
public struct DirectPath: Sendable {
    /// Where the client sends, and the only address that it takes media from.
    public var remote: SocketAddress
    /// Code point of the SRTP profile (RFC 5764 section 4.1.2): 0x0007 is AEAD_AES_128_GCM.
    public var profile: UInt16
    /// What the client protects with, and what it opens with. Lengths are those of the profile: 16 and 12 bytes for
    /// AEAD_AES_128_GCM.
    public var sendKey: [UInt8]
    public var sendSalt: [UInt8]
    public var receiveKey: [UInt8]
    public var receiveSalt: [UInt8]

    public init(
        remote: SocketAddress, profile: UInt16 = 0x0007, sendKey: [UInt8], sendSalt: [UInt8], receiveKey: [UInt8],
        receiveSalt: [UInt8]
    ) {
        self.remote = remote
        self.profile = profile
        self.sendKey = sendKey
        self.sendSalt = sendSalt
        self.receiveKey = receiveKey
        self.receiveSalt = receiveSalt
    }
}
