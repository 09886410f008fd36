/// A call with audio and video in one direction.
public struct FlowDescription: Sendable {
    /// Seconds.
    public var start, end: Double
    /// Seconds in which nothing is sent.
    public var pause: ClosedRange<Double>?
    /// Links that media goes over, and feedback.
    public var forward, backward: [Int]
    /// One-way propagation in milliseconds, the same in both directions.
    public var delay: Double
    /// Priority among flows (RFC 8867 section 6.1).
    public var weight: Double
    public var encoder = EncoderDescription()
    /// What a media server may forward in place of an encoder.
    public var layers: [LayerStep]?
    /// The controller's bound, in bit/s on the wire.
    public var rateLimit = Self.maximumRate

    /// Bits per second on the wire that a flow can use: 1.5 Mbit/s of video and 20 kbit/s of audio, with headers.
    public static let maximumRate: UInt64 = 1_620_000

    public init(
        start: Double = 0, end: Double, pause: ClosedRange<Double>? = nil, forward: [Int] = [0], backward: [Int] = [],
        delay: Double = 50, weight: Double = 1
    ) {
        self.start = start
        self.end = end
        self.pause = pause
        self.forward = forward
        self.backward = backward
        self.delay = delay
        self.weight = weight
    }
}

/// A part of a run that figures are given for.
public struct Window: Hashable, Sendable {
    /// Seconds.
    public var from, to: Double
    /// The link whose use is told.
    public var link: Int

    public init(_ from: Double, _ to: Double, link: Int = 0) {
        self.from = from
        self.to = to
        self.link = link
    }

    public func contains(_ time: Double) -> Bool { time >= from && time < to }
}

/// A change after which something is timed.
public struct Change: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// Until the flows together first have 90 % of what they can for a second.
        case up
        /// Until the queue was above 100 ms for the last time in the 15 s behind it.
        case drain
    }

    public var at: Double
    public var kind: Kind

    public init(_ at: Double, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }
}

/// Everything that a run depends on, but for the seed and the algorithm.
public struct Scenario: Sendable {
    /// As in RFC 8867, with what sets it apart from the plain case behind a space.
    public var id: String
    public var title: String
    /// Seconds.
    public var duration: Double
    public var links: [LinkDescription]
    public var flows: [FlowDescription]
    public var tcp: [TCPDescription] = []
    public var datagrams: [DatagramDescription] = []
    /// Standard deviation in milliseconds (RFC 8868 section 4.5).
    public var jitter = 5.0
    public var isECNCapable = false
    /// Lost video is asked for again, and key frames where that fails. RFC 8867 knows no repair, and the reference
    /// figures were measured without it.
    public var repairs = false
    public var windows: [Window]
    public var changes: [Change] = []
    /// Flows that should have equal rates in the last window.
    public var isSymmetric = false

    public init(
        id: String, title: String, duration: Double, links: [LinkDescription], flows: [FlowDescription],
        windows: [Window]
    ) {
        self.id = id
        self.title = title
        self.duration = duration
        self.links = links
        self.flows = flows
        self.windows = windows
    }

    /// Bits that a link can carry between two times in seconds, without what constant datagrams take.
    func bits(of link: Int, from start: Double, to end: Double) -> Double {
        let taken = datagrams.filter { $0.links.contains(link) }
            .reduce(0) { $0 + CapacityStep.bits($1.rates, from: start, to: end) }
        return links[link].bits(from: start, to: end) - taken
    }

    /// Bits per second at a time in seconds, without what constant datagrams take.
    func rate(of link: Int, at time: Double) -> Double {
        let taken = datagrams.filter { $0.links.contains(link) }
            .reduce(0) { $0 + CapacityStep.rate($1.rates, at: time) }
        return links[link].rate(at: time) - taken
    }

    /// The section of RFC 8867 that it belongs to.
    public var section: String { String(id.prefix { $0 != " " }) }

    /// Seconds of calls that a run simulates, for telling how fast the suite is.
    public var flowSeconds: Double { flows.reduce(0) { $0 + $1.end - $1.start } }
}
