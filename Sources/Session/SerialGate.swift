/// Lets one task at a time through, in order of arrival: how a front door keeps the operations on one of its objects
/// apart while others go on. Belongs to one actor, which is the only one to use it.
public final class SerialGate {
    private var isHeld = false
    private(set) var waiters: [CheckedContinuation<Void, Never>] = []

    public init() {}

    /// Returns when the gate is the caller's. Pair with ``leave()``.
    public func enter(isolation: isolated (any Actor)? = #isolation) async {
        guard isHeld else {
            isHeld = true
            return
        }
        await withCheckedContinuation(isolation: isolation) { waiters.append($0) }
    }

    /// Hands the gate to whoever waits longest.
    public func leave() {
        if waiters.isEmpty {
            isHeld = false
        } else {
            waiters.removeFirst().resume()
        }
    }
}
