import ICE
import STUN
import Simulator
import Wire

/// I9: who may be sent what, and for how long.
final class ConsentWatch: Watch {
    private static let expiry = ICE.Limits.consentExpiry

    func see(_ sight: Sight, _ run: ScenarioRun) {
        guard sight.entry.kind == .sent, let index = sight.side, let tuple = sight.tuple,
            !run.servers.contains(tuple.remote)
        else { return }
        if case .stun = sight.packet { return }
        let side = run.sides[index]
        let last = side.isLite ? side.lastRequest[tuple] : side.lastAnswer[tuple]?.received
        if let last, sight.entry.time <= last + Self.expiry { return }
        run.violate(.stunBeforeCheck, "\(sight.packet?.name ?? "data") to \(tuple.remote) without a check")
    }

    func afterEvent(_ run: ScenarioRun) {
        let now = run.now
        guard now < run.end, run.hasNews else { return }
        for side in run.sides {
            // What is due at this moment and has not been called yet may still notice.
            // What a relay carries is not seen from here.
            guard let tuple = side.agent.selectedTuple, side.tuple(tuple) != nil, side.process.isRunning(now),
                side.process.deadline > now
            else { continue }
            let last = side.isLite ? side.lastRequest[tuple] : side.lastAnswer[tuple]?.received
            guard let last else {
                run.violate(.consent, "\(run.name(of: side)) sends to \(tuple.remote), which never answered")
                continue
            }
            if now > last + Self.expiry {
                run.violate(
                    .consent,
                    "\(run.name(of: side)) still sends to \(tuple.remote) \((now - last).text) after its answer")
            }
        }
    }
}

/// I10: both sides have one path, and it is the same one.
final class AgreementWatch: Watch {
    /// Long enough for consent to run out on one side and for everything that follows.
    private static let settling = Interval.seconds(45)
    private static let recent = Interval.seconds(20)
    /// When what a side sent on its path last arrived where the other's path begins.
    private var agreed: [Int: Instant] = [:]
    /// Datagrams that were sent on the path of their sender, by number.
    private var onPath: [(number: UInt64, side: Int)] = []

    func see(_ sight: Sight, _ run: ScenarioRun) {
        guard let index = sight.side, let tuple = sight.tuple, let datagram = sight.entry.datagram else { return }
        if sight.entry.kind == .sent {
            guard run.sides[index].agent.selectedTuple == tuple else { return }
            if onPath.count >= 256 { onPath.removeFirst() }
            onPath.append((datagram.number, index))
        } else if let sent = onPath.last(where: { $0.number == datagram.number }), sent.side ^ 1 == index,
            run.sides[index].agent.selectedTuple == tuple
        {
            agreed[sent.side] = sight.entry.time
        }
    }

    func atEnd(_ run: ScenarioRun) {
        guard run.healed + Self.settling <= run.end else { return }
        for call in run.scenario.calls.indices {
            let pair = [run.sides[call * 2], run.sides[call * 2 + 1]]
            guard pair.allSatisfy({ $0.agent.state == .completed && $0.isDirect }) else { continue }
            for side in pair {
                let index = call * 2 + (side === pair[0] ? 0 : 1)
                if let last = agreed[index], last + Self.recent >= run.end { continue }
                let remote = side.agent.selectedTuple.map { "\($0.remote)" } ?? "nowhere"
                run.violate(.agreement, "\(run.name(of: side)) sends to \(remote), where the other does not send from")
            }
            let isConflict = pair[0].agent.isControlling == pair[1].agent.isControlling
            if isConflict, !pair.contains(where: \.isLite) {
                run.violate(.roles, "both sides of \(run.scenario.calls[call].name) are in the same role at the end")
            }
        }
    }
}

/// I10: how many checks, pairs and conflicts there may be.
final class CheckWatch: Watch {
    private static let window = Interval.seconds(1)
    /// A check at most every Ta, and as often one of the selected path because of a check from elsewhere, and the
    /// regular ones.
    private static let perWindow = Int(2 * window.milliseconds / ICE.Limits.pacing.milliseconds) + 5
    private static let conflicts = 4 * ICE.Limits.roleConflicts
    private var recent: [Int: [(id: TransactionID, time: Instant)]] = [:]
    /// Checks that are sent again are not new ones.
    private var known: [Int: [TransactionID]] = [:]

    func see(_ sight: Sight, _ run: ScenarioRun) {
        guard sight.entry.kind == .sent, let index = sight.side, let tuple = sight.tuple,
            case .stun(let part) = sight.packet, part.type.messageClass == .request, part.type.method == .binding,
            !run.servers.contains(tuple.remote)
        else { return }
        let now = sight.entry.time
        if isKnown(part.transactionID, of: index) { return }
        var times = recent[index, default: []]
        times.removeAll { $0.time + Self.window <= now }
        times.append((part.transactionID, now))
        recent[index] = times
        guard times.count > Self.perWindow else { return }
        run.violate(.checkPace, "\(run.name(of: run.sides[index])) began \(times.count) checks within a second")
    }

    private func isKnown(_ id: TransactionID, of side: Int) -> Bool {
        if known[side, default: []].contains(id) { return true }
        if known[side, default: []].count >= 256 { known[side, default: []].removeFirst() }
        known[side, default: []].append(id)
        return false
    }

    func afterEvent(_ run: ScenarioRun) {
        guard run.hasNews else { return }
        for side in run.sides {
            if side.agent.pairCount > ICE.Limits.pairs || side.agent.remoteCandidateCount > ICE.Limits.remoteCandidates
            {
                run.violate(
                    .pairBound,
                    "\(run.name(of: side)) has \(side.agent.pairCount) pairs, and candidates: "
                        + "\(side.agent.remoteCandidateCount)"
                )
            }
            if side.roleConflicts > Self.conflicts {
                run.violate(.roles, "\(run.name(of: side)) was told of \(side.roleConflicts) role conflicts")
            }
        }
    }
}

extension ScenarioRun {
    /// `alice in call-1`.
    public func name(of side: CallSide) -> String {
        "\(scenario.network.hosts[side.host].name) in \(scenario.calls[side.call].name)"
    }
}
