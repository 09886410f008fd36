public import Wire

/// What must hold in every run, whatever the network does. The numbers are those of the project's list of invariants.
///
/// To add one: a case here, its sentence, and a ``Watch`` in ``ScenarioRun/standardWatches()``.
public enum Invariant: String, Hashable, Sendable, CaseIterable {
    case stunBeforeCheck = "I9-stun-first"
    case consent = "I9-consent"
    case agreement = "I10-agreement"
    case pairBound = "I10-pairs"
    case checkPace = "I10-pace"
    case roles = "I10-roles"
    case reachability = "I10-reachability"
    case relaying = "I11-relaying"
    case conservation = "I18-conservation"
    case bounds = "I19-bounds"
    case leaks = "I19-leaks"
    case time = "I20-time"
    case determinism = "I22-determinism"
    /// For tests of the harness: a fault that was planted.
    case planted

    public var sentence: String {
        switch self {
        case .stunBeforeCheck: "A call sends nothing but STUN to an address before a check of it was answered."
        case .consent: "A path may be sent on for at most 30 s after the last authentic answer on it (RFC 7675)."
        case .agreement:
            "Once the network is left alone, both sides of a call that both think works send where the other listens."
        case .pairBound: "An agent has at most 100 pairs (RFC 8445 section 6.1.2.5)."
        case .checkPace: "Checks of addresses leave at the pace Ta (RFC 8445 section 14.2), and no storm of them."
        case .roles: "Role conflicts end, with one side in control (RFC 8445 section 7.3.1.1)."
        case .reachability: "Without faults a call connects where the rules of RFC 4787 let it, and nowhere else."
        case .relaying:
            "A TURN server relays each datagram once and unchanged, while an allocation, a permission and a channel "
                + "stand for it; what is used of them is renewed in time (RFC 8656)."
        case .conservation:
            "Every packet was sent by somebody; it arrives where it was sent to, unchanged, or is dropped for a reason."
        case .bounds: "Tables, queues and timers stay within their limits."
        case .leaks: "When everybody has left, no packet is on its way and no timer is armed."
        case .time: "Time does not go back, and does not stand still while events go on."
        case .determinism: "The same seed gives the same events, to the byte."
        case .planted: "A fault that a test planted."
        }
    }
}

/// An invariant that did not hold.
public struct Violation: Hashable, Sendable {
    public var invariant: Invariant
    public var time: Instant
    public var detail: String

    /// What stays the same while a scenario with it is cut down. I11 has many rules, which the words tell apart; the
    /// addresses in between may change.
    var signature: String {
        guard invariant == .relaying else { return invariant.rawValue }
        let words = detail.split(separator: " ").filter { word in !word.contains { $0.isNumber } }
        return "\(invariant.rawValue) \(words.joined(separator: " "))"
    }

    /// `I9-consent at 31.2 s: …`.
    public var text: String {
        let time = Decimal.format(Int64(clamping: time.nanoseconds / 1_000_000), unit: 1000)
        return "\(invariant.rawValue) at \(time) s: \(detail)"
    }
}

/// Looks on while a scenario runs, and says when something is not as it must be.
public protocol Watch: AnyObject {
    /// Something happened. The run is as it was after the whole event.
    func see(_ sight: Sight, _ run: ScenarioRun)
    /// One event, with all that followed at the same moment, is over.
    func afterEvent(_ run: ScenarioRun)
    /// Nothing will happen any more.
    func atEnd(_ run: ScenarioRun)
}

extension Watch {
    public func see(_ sight: Sight, _ run: ScenarioRun) {}
    public func afterEvent(_ run: ScenarioRun) {}
    public func atEnd(_ run: ScenarioRun) {}
}

extension ScenarioRun {
    /// Those of calls without media. That of SRTP (I12) is `SimulatedMedia`'s.
    static func standardWatches() -> [any Watch] {
        [
            ConsentWatch(), AgreementWatch(), CheckWatch(), ReachabilityWatch(), RelayWatch(), ConservationWatch(),
            BoundsWatch(), TimeWatch(),
        ]
    }
}
