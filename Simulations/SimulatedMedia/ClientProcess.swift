public import Simulator
public import Wire

/// A party of a call: a full ICE agent, DTLS and SRTP of the product, 50 packets of audio and 30 frames of video a
/// second as the load generator makes them, and its verifier for what the others send. It asks for what is lost (NACK,
/// PLI), sends again what it is asked for, and reports (SR, RR, transport-wide feedback) as the load generator's
/// clients do.
public final class ClientProcess: Process {
    public struct Configuration: Sendable {
        /// Counted from 0.
        public var party: Int
        public var local: SocketAddress
        /// The server's process.
        public var server: Int
        public var sendsNacks = true
        /// ICE restarts that it asks for, in order.
        public var restarts: [Instant] = []
        /// The only way out, as with the policy `relay` of a browser; nil is directly.
        public var relay: RelayAccess?
        /// Frames of video a second; 0 for none.
        public var framesPerSecond = 30

        public init(party: Int, local: SocketAddress, server: Int) {
            self.party = party
            self.local = local
            self.server = server
        }
    }

    public struct Statistics: Hashable, Sendable {
        /// From its start until a path was there.
        public var connected: Instant?
        /// And until the keys were.
        public var secured: Instant?
        /// Of the path that was selected last.
        public var kinds: PairKinds?
        public var nacksSent = 0
        public var keyFrameRequests = 0
        /// Packets that it was asked for and sent again.
        public var retransmitted = 0
        public var restarted = 0
        /// Packets of media that did not pass SRTP or were no RTP, by what is wrong.
        public var badTags = 0
        public var replayed = 0
        public var refused = 0

        public init() {}
    }

    /// All of its state, so that one look at it is enough for a packet.
    var client: CallClient

    public init(_ room: CallRoom, _ configuration: Configuration, now: Instant = .origin) {
        client = CallClient(room, configuration, now: now)
    }

    /// What it has done, for reports.
    public var statistics: Statistics { client.statistics }
    public var deadline: Instant { client.schedule.earliest }
    public var takesTCP: Bool { client.configuration.relay != nil }
    public var takesBatches: Bool { true }

    public func start(now: Instant, _ output: inout Output) { client.start(now, &output) }

    public func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {
        client.receive(CallMessage(message), now, &output)
    }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        var batch = [datagram]
        receive(batch: &batch, now: now, &output)
    }

    public func receive(batch: inout [Datagram], now: Instant, _ output: inout Output) {
        client.receive(&batch, now, &output)
    }

    public func advance(to now: Instant, _ output: inout Output) { client.advance(to: now, &output) }
}
