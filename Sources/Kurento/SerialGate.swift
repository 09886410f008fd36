/// Lets one task at a time through, in order of arrival. Lives inside ``MediaServer``'s isolation.
final class SerialGate {
    var isHeld = false
    var waiters: [CheckedContinuation<Void, Never>] = []
}

extension MediaServer {
    func enter(_ gate: SerialGate) async {
        guard gate.isHeld else {
            gate.isHeld = true
            return
        }
        await withCheckedContinuation { gate.waiters.append($0) }
    }

    /// Hands the gate to whoever waits longest.
    func leave(_ gate: SerialGate) {
        if gate.waiters.isEmpty {
            gate.isHeld = false
        } else {
            gate.waiters.removeFirst().resume()
        }
    }
}
