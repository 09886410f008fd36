public import Wire

/// What a video publisher sends.
public enum VideoPattern: String, Sendable, Hashable, CaseIterable, Codable {
    /// 5 packets of 1200 bytes of payload in every frame.
    case uniform
    /// Frame sizes as an encoder makes them: a key frame of about 40 packets every 2 s, between them 2 to 8 packets,
    /// the packets of a frame equal but for a byte.
    case real
    /// 1 packet of 1200 bytes of payload in every frame: 0.3 Mbit/s at 30 frames a second.
    case light
    /// Three encodings told apart by rid: 1, 2 and 6 packets in every frame.
    case simulcast
}

/// Which SRTP profiles the clients offer in the DTLS handshake.
public enum SRTPChoice: String, Sendable, Hashable, CaseIterable, Codable {
    /// AEAD_AES_128_GCM alone.
    case gcm
    /// AES128_CM_HMAC_SHA1_80 alone.
    case sha1
    /// What a browser offers; the server chooses.
    case any
}

/// Subscribers that misbehave while the others are measured.
public enum RogueKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// Asks for its last 500 packets again, a hundred times a second.
    case nackStorm = "nack-storm"
    /// A thousand PLI a second.
    case pliStorm = "pli-storm"
    /// REMB of 0, twenty times a second.
    case rembZero = "remb-zero"
    /// REMB of 2^63 bit/s, twenty times a second.
    case rembHuge = "remb-huge"
    /// Transport-wide feedback about packets that nobody sent, a hundred times a second.
    case falseTWCC = "false-twcc"
    /// Sends nothing more once media has come: no report, no answer to a check, no goodbye.
    case silent
    /// Never reads its socket again once media has come.
    case noDrain = "no-drain"
}

/// What a run of the load generator does. ``LoadRun`` executes it against a ``LoadSignaling``.
public struct LoadPlan: Sendable, Hashable {
    /// Rooms that publishers and subscribers are spread over: all of a room get each other. A divisor of `publishers`.
    public var rooms = 1
    /// A stream that stands still for longer has a gap.
    public var gapThreshold = Interval.milliseconds(100)
    /// Clients connect anew when the server says so or when their connection fails, and go on.
    public var followsReconnects = false
    /// Watch that no SRTP index is used twice; takes memory for every packet.
    public var watchesIndices = false
    /// What publishers send in place of verifiable contents, to a server that makes one picture and one sound of them
    /// all for every subscriber. Pictures are counted, nothing else is verified. Takes one room, and its rate is
    /// ``framesPerSecond``.
    public var clip: LoadClip?
    /// 1...64.
    public var publishers: Int
    /// Witnesses: subscribers that behave and are measured. 0...``Limits/subscribers``.
    public var subscribers: Int
    /// nil for no video.
    public var video: VideoPattern?
    /// 50 packets of 120 bytes a second from each publisher.
    public var hasAudio: Bool
    /// Video frames per second, 1...1000.
    public var framesPerSecond: Int
    /// Seeds contents, frame sizes and identifiers: the same seed sends the same.
    public var seed: UInt64
    /// From the last join until the measurement begins.
    public var warmup: Interval
    /// The measurement.
    public var duration: Interval
    /// Media threads, 1...16. The first carries the publishers.
    public var threads: Int
    /// Joins in flight, 1...1000.
    public var joinsInFlight: Int
    /// Every how many packets of a subscriber the checksum is verified; 1 is all. Every packet is opened and
    /// its numbers are looked at in any case.
    public var checksumInterval: Int
    /// Subscribers ask for lost packets again.
    public var sendsNacks: Bool
    public var srtp: SRTPChoice
    public var rogues: Int
    public var rogueKind: RogueKind
    /// Share of media packets that subscribers throw away as if the network had, 0...0.9: shows what repair does.
    public var receiveLoss: Double
    /// The address that the clients' sockets are bound to.
    public var address: IPAddress
    /// Root of the server's process tree, for its CPU time; nil when it is not on this machine.
    public var serverProcess: Int32?

    /// The room of a publisher, from 0.
    public func room(ofPublisher number: Int) -> Int { number / max(1, publishers / rooms) }

    /// The room of a subscriber, from 0.
    public func room(ofSubscriber number: Int) -> Int { number % rooms }

    /// The publishers of a room.
    func publishers(in room: Int) -> Range<Int> {
        let share = publishers / rooms
        return (room * share)..<((room + 1) * share)
    }

    public init(
        publishers: Int = 1, subscribers: Int, video: VideoPattern? = .uniform, hasAudio: Bool = false,
        framesPerSecond: Int = 30, seed: UInt64 = 1, warmup: Interval = .seconds(2), duration: Interval = .seconds(10),
        threads: Int = 1, joinsInFlight: Int = 16, checksumInterval: Int = 1, sendsNacks: Bool = true,
        srtp: SRTPChoice = .any, rogues: Int = 0, rogueKind: RogueKind = .nackStorm, receiveLoss: Double = 0,
        address: IPAddress = IPAddress(ipv4: 0x7F00_0001), serverProcess: Int32? = nil
    ) {
        self.publishers = publishers
        self.subscribers = subscribers
        self.video = video
        self.hasAudio = hasAudio
        self.framesPerSecond = framesPerSecond
        self.seed = seed
        self.warmup = warmup
        self.duration = duration
        self.threads = threads
        self.joinsInFlight = joinsInFlight
        self.checksumInterval = checksumInterval
        self.sendsNacks = sendsNacks
        self.srtp = srtp
        self.rogues = rogues
        self.rogueKind = rogueKind
        self.receiveLoss = receiveLoss
        self.address = address
        self.serverProcess = serverProcess
    }
}
