import Session
import Wire

/// A datagram at a controller's port for heartbeats; and the heartbeat that it says it is, under the right key.
public enum HeartbeatFuzz {
    private static let key: HeartbeatKey = {
        var random = SeededRandom(seed: 1)
        return HeartbeatKey(using: &random)
    }()

    /// Under the key that the target knows.
    static let seeds = [
        DirectHeartbeat(worker: WorkerID("w1"), incarnation: "a", sequence: 1),
        DirectHeartbeat(
            worker: WorkerID("eu/w:2"), incarnation: "0d9f1a52-6c1e-4b7e-9d53-1f1c8f5a7e10", sequence: .max),
    ].compactMap { $0.datagram(key: key) }

    public static func run(_ input: RawSpan) {
        let now = Instant(nanoseconds: 1)
        var ledger = HeartbeatLedger(key: key)
        let result = ledger.receive(input, now: now)
        let heard = ledger.heard(since: now).count
        if case .success(let heartbeat) = result {
            let spelling = heartbeat.datagram(key: key) ?? []
            precondition(spelling == input.copied() && heard == 1, "there is one spelling")
        } else {
            precondition(heard == 0 && ledger.counts.dropped.count == 1, "every drop is counted")
        }
        guard case .success(let claim) = DirectHeartbeat.parse(input), let sealed = claim.datagram(key: key) else {
            return
        }
        var another = HeartbeatLedger(key: key)
        let first = another.receive(unsafe sealed.span.bytes, now: now)
        let again = another.receive(unsafe sealed.span.bytes, now: now)
        precondition(first == .success(claim) && again == .failure(.repeated), "what is sent is heard once")
    }
}
