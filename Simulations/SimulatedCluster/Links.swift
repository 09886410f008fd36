import Simulator
import Wire

/// The network between hosts: how long what is sent takes, and which ways are cut.
final class Links: @unchecked Sendable {
    /// A way from one host to another.
    struct Way: Hashable, Comparable {
        var from: String
        var to: String

        static func < (left: Way, right: Way) -> Bool { (left.from, left.to) < (right.from, right.to) }
    }

    private let seed: RootSeed
    private var streams: [Way: SeededRandom] = [:]
    /// Cut so many times over: faults may overlap.
    private var cuts: [Way: Int] = [:]
    /// Told when a way is whole again.
    var healed: (Way) -> Void = { _ in }
    /// Least delay and the most that is added to it at random, in nanoseconds.
    var delay: (least: UInt64, spread: UInt64)
    /// Datagrams out of a thousand that are lost, and that come twice.
    var loss: UInt64 = 0
    var doubling: UInt64 = 0

    init(_ seed: RootSeed, delay: (least: UInt64, spread: UInt64)) {
        self.seed = seed
        self.delay = delay
    }

    func isCut(_ from: String, _ to: String) -> Bool { cuts[Way(from: from, to: to)] != nil }

    func cut(_ way: Way) { cuts[way, default: 0] += 1 }

    func mend(_ way: Way) {
        guard let count = cuts[way] else { return }
        cuts[way] = count > 1 ? count - 1 : nil
        if count == 1 { healed(way) }
    }

    func nextDelay(_ from: String, _ to: String) -> UInt64 {
        delay.least + draw(from, to, below: delay.spread + 1)
    }

    /// What becomes of a datagram: the delays of its copies.
    func copies(_ from: String, _ to: String) -> [UInt64] {
        guard !isCut(from, to) else { return [] }
        var copies: [UInt64] = []
        if loss == 0 || draw(from, to, below: 1000) >= loss { copies.append(nextDelay(from, to)) }
        if doubling > 0, draw(from, to, below: 1000) < doubling { copies.append(nextDelay(from, to)) }
        return copies
    }

    private func draw(_ from: String, _ to: String, below bound: UInt64) -> UInt64 {
        let way = Way(from: from, to: to)
        var random = streams[way] ?? seed.stream("link:\(from)→\(to)")
        defer { streams[way] = random }
        return random.next() % bound
    }
}
