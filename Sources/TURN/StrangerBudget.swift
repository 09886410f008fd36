import Wire

/// How many answers larger than their questions an address gets that has proved nothing. A 401 must carry realm and
/// nonce and cannot be as short as a bare Allocate, so what cannot be kept small is kept rare.
///
/// A table of fixed size: addresses whose hash is the same share a budget.
struct StrangerBudget: Sendable {
    private struct Account {
        var tokens = Limits.strangerBurst
        var since = Instant.origin
    }

    private var accounts = [Account](repeating: Account(), count: Limits.strangers)
    private let salt: UInt64

    init(random: inout SeededRandom) { salt = random.next() | 1 }

    mutating func take(_ address: IPAddress, now: Instant) -> Bool {
        // A /64 is one customer's.
        let network = address.isIPv4 ? address.low : address.high
        let mixed = (network ^ network >> 33 ^ salt) &* salt
        let index = Int(truncatingIfNeeded: mixed >> 40) & (Limits.strangers - 1)
        let earned = (now - accounts[index].since).nanoseconds / (1_000_000_000 / Limits.strangerRate)
        if earned > 0 {
            accounts[index].tokens = min(
                Limits.strangerBurst, accounts[index].tokens + min(earned, Limits.strangerBurst))
            accounts[index].since = now
        }
        guard accounts[index].tokens > 0 else { return false }
        accounts[index].tokens -= 1
        return true
    }
}
