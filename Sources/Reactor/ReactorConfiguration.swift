public import DTLS
public import Wire

/// What one reactor needs to know before it starts.
public struct ReactorConfiguration: Sendable {
    /// One socket and one host candidate per address, all peers behind it. At most 16.
    public var addresses: [IPAddress]
    /// The port is the first of these, from `preferredPort` on, that is free on every address.
    /// 0...0 lets the kernel choose for each.
    public var ports: ClosedRange<UInt16>
    public var preferredPort: UInt16
    /// For endpoints of plain RTP: even ones for RTP, those above for RTCP. Nil for none.
    public var plainPorts: ClosedRange<UInt16>?
    /// Sockets that another process bound, one for each of `addresses`; nil binds new ones.
    public var sockets: [UDPSocket]?
    /// Where the reactor keeps what a successor needs; nil for memory of its own, which ends with it.
    public var memory: ReactorMemory?
    /// Makes notes for a successor; nil makes none.
    public var codec: NoteCodec?
    /// The worker's TCP port for peers without UDP (RFC 6544); nil for none.
    public var streams: StreamListener?
    /// Opens connections to peers that accept them (RFC 6544, active candidates). Off unless wanted: whoever can signal
    /// a candidate makes this host connect there.
    public var opensStreams = false
    /// As ``Router/pausesVideos``.
    public var pausesVideos = false
    /// The worker's media plane; nil for none.
    public var elements: (any ElementFactory)?
    /// Its number among the reactors of the worker. The first one accepts TCP connections.
    public var index = 0
    /// The address to tell peers instead of a local one, for servers behind 1:1 NAT.
    public var announced: [IPAddress: IPAddress]
    /// Peers and pipes that this reactor carries at most.
    public var peerLimit: Int
    /// Shows in thread lists: `apus-r0`.
    public var name: String
    public var certificate: Certificate
    /// Names the network stack that `addresses` belong to, so that both ends of a pipe can be told to meet on
    /// its loopback address. Empty when it is not known.
    public var network: String
    /// Its sessions may be given to others while it stands still; see ``ReactorOutput/stoodStill(_:)``.
    public var isFenced = false
    /// Do the faults that candidates of tests name (``ReactorWorld/fail(asToldBy:)``). Never in service.
    public var hasTestFaults = false
    /// Seeds every random choice of the reactor's cores.
    public var seed: UInt64

    public init(
        addresses: [IPAddress], ports: ClosedRange<UInt16> = 0...0, preferredPort: UInt16? = nil,
        announced: [IPAddress: IPAddress] = [:], peerLimit: Int = 2000, name: String = "apus-r0",
        certificate: Certificate, network: String = "", seed: UInt64
    ) {
        self.addresses = addresses
        self.ports = ports
        self.preferredPort = preferredPort ?? ports.lowerBound
        self.announced = announced
        self.peerLimit = peerLimit
        self.name = name
        self.certificate = certificate
        self.network = network
        self.seed = seed
    }
}

/// Bounds of a reactor.
enum Limits {
    /// Local sockets; a tuple has room for 256.
    static let sockets = 16
    /// Pieces per recvmmsg: single datagrams, or trains of them.
    static let receiveBatch = 32
    /// Bytes of a datagram that are looked at; longer ones are dropped. Any path's MTU is below.
    static let datagramBytes: Int32 = 2048
    /// Packets that are forwarded together.
    static let burstPackets = 128
    /// recvmmsg calls per socket and round, so that a flood on one socket cannot starve the rest.
    static let receiveRounds = 8
    /// Trains per flush, and full datagrams. Little enough to stay in the processor's cache until it is sent.
    static let egressBatch = 64
    /// Datagrams of one train (Linux's UDP_MAX_SEGMENTS, of which older kernels have 64).
    static let trainDatagrams = 64
    /// Bytes of padding that a packet gets at most to be as long as its neighbours in a train: 1 % of a full one.
    static let trainPadding = 16
    /// Bytes of one train; an IP packet has at most 65,535.
    static let trainBytes = 60_000
    /// Control messages waiting.
    static let mailbox = 8192
    /// Addresses remembered per peer; the oldest goes first.
    static let tuplesPerPeer = 8
    /// Sessions and endpoints are named by the controller; longer names are refused.
    static let identifierBytes = 256
    /// SSRCs of one pipe each way; a SRTP context tells 32 inbound streams apart.
    static let ssrcsPerPipe = 31
    /// SSRCs of pipes that have a place, for each endpoint that the reactor may carry. Most endpoints are
    /// peers, which take none.
    static let ssrcsPerReactorPeer = 4
    /// Bytes of packets that wait for a TCP connection: half a second of a 2 Mbit/s video.
    static let streamBacklog = 128 << 10
    /// How long a TCP connection may be nobody's.
    static let streamPatience = Interval.seconds(10)
    /// TCP connections besides one for each peer.
    static let strangerStreams = 64
    /// Connections accepted before other sockets get their turn.
    static let acceptsInRow = 16
    /// Bytes of data-channel messages that wait for one peer's association, beside what that holds itself: all that a
    /// source's window let go before it was closed.
    static let dataBacklog = 2 << 20
    /// How long the source waits for a peer that takes nothing of what waits for it, and how often that is looked at.
    static let backlogPatience = Interval.seconds(2)
    static let backlogLook = Interval.milliseconds(250)
    /// Packets that wait for a media element: a second of a fast video.
    static let elementPackets = 2048
    /// Commands that wait for a media element.
    static let elementRequests = 64
    /// Pairs of ports that are tried for one section of plain RTP: after a run of so many that are taken the range
    /// counts as full, for the thread has other things to do.
    static let plainAttempts = 512
    /// Bytes of a plain socket's buffers: 40 ms of 200 Mbit/s.
    static let plainBuffer: Int32 = 1 << 20
    /// Ways to other reactors: pairs of a local socket and a remote address.
    static let pipeTuples = 1024
}
