import Simulator
public import Wire

/// One direction of a link, as a file describes it.
public struct LinkSettings: Hashable, Sendable {
    public enum QueueKind: String, Hashable, Sendable, CaseIterable {
        /// First come, first served; what finds no room is dropped.
        case dropTail = "drop-tail"
        /// CoDel (RFC 8289): drops early when the delay stands.
        case codel
        /// FQ-CoDel (RFC 8290): the same for each flow, in turns.
        case fairCoDel = "fq-codel"
    }

    /// Nil is without limit.
    public var rate: DataRate?
    /// What may wait for the line; more is dropped.
    public var queue = ByteCount(bytes: 256 * 1024)
    /// What happens to what waits.
    public var queueKind = QueueKind.dropTail
    public var delay = Interval.zero
    /// Up to so much more, drawn for each packet.
    public var jitter = Interval.zero
    /// Jitter may change the order of packets.
    public var reorders = false
    public var loss = Share.zero
    /// The mean length of a burst of losses, in packets; 1 is losses that do not know of each other.
    public var burst = 1
    public var duplication = Share.zero
    /// Packets of which one bit changes.
    public var corruption = Share.zero
    /// Not connected, until an event changes that.
    public var isDown = false

    public init() {}

    /// For the simulator.
    var behavior: LinkBehavior {
        var behavior = LinkBehavior(delay: delay)
        behavior.rate = rate?.bitsPerSecond
        behavior.queueBytes = queue.bytes
        behavior.discipline =
            switch queueKind {
            case .dropTail: .dropTail
            case .codel: .codel(CoDel.Parameters())
            case .fairCoDel: .fairCoDel(FairQueue.Parameters())
            }
        behavior.jitter = jitter
        behavior.reorders = reorders
        behavior.loss = Self.loss(loss, burst: burst)
        behavior.duplication = Probability(duplication.fraction)
        behavior.corruption = Probability(corruption.fraction)
        behavior.isUp = !isDown
        return behavior
    }

    static func loss(_ share: Share, burst: Int) -> LinkBehavior.Loss {
        if share == .zero { return .none }
        return burst > 1
            ? .bursts(share: share.fraction, meanLength: Double(burst)) : .independent(Probability(share.fraction))
    }

    /// What is worth telling of it, in words.
    var summary: String {
        var parts: [String] = []
        if let rate { parts.append(rate.text) }
        if delay > .zero { parts.append(jitter > .zero ? "\(delay.text) + 0–\(jitter.text)" : delay.text) }
        if delay == .zero, jitter > .zero { parts.append("0–\(jitter.text)") }
        if loss > .zero { parts.append("loss \(loss.text)" + (burst > 1 ? " in bursts of \(burst)" : "")) }
        if duplication > .zero { parts.append("doubles \(duplication.text)") }
        if corruption > .zero { parts.append("corrupts \(corruption.text)") }
        if reorders { parts.append("reorders") }
        if isDown { parts.append("down") }
        return parts.joined(separator: ", ")
    }
}

extension LinkSettings.QueueKind: ScalarValue {}

extension LinkSettings: Record {
    static var noun: String { "a link" }
    static var fields: [Field<LinkSettings>] {
        [
            .optional("rate", \.rate), .value("queue", \.queue), .value("queue_kind", \.queueKind),
            .value("delay", \.delay), .value("jitter", \.jitter),
            .value("reorders", \.reorders), .value("loss", \.loss), .value("burst", \.burst),
            .value("duplication", \.duplication), .value("corruption", \.corruption), .value("down", \.isDown),
        ]
    }
}
