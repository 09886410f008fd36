/// Inputs from one seed: the same ones in every run.
struct InputGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    /// Anything at all, up to 256 bytes.
    mutating func noise() -> [UInt8] { (0..<below(257)).map { _ in UInt8(truncatingIfNeeded: next()) } }

    /// One of `seeds` with a few faults.
    mutating func mutation(of seeds: [[UInt8]]) -> [UInt8] {
        var input = seeds[below(seeds.count)]
        for _ in 0...below(4) { disturb(&input, seeds) }
        return input
    }

    private mutating func disturb(_ input: inout [UInt8], _ seeds: [[UInt8]]) {
        guard !input.isEmpty else { return input = noise() }
        let index = below(input.count)
        switch below(9) {
        case 0: input[index] ^= 1 << UInt8(below(8))
        case 1: input[index] = UInt8(truncatingIfNeeded: next())
        case 2: input[index] = [0, 1, 0x7F, 0x80, 0xFF, 10, 13, 34][below(8)]
        case 3: input.removeSubrange(index...)
        case 4: input.removeSubrange(index..<min(input.count, index + 1 + below(8)))
        case 5: input.insert(contentsOf: noise().prefix(8), at: index)
        case 6: input.insert(contentsOf: input[index..<min(input.count, index + 64)], at: index)
        case 7:
            let other = seeds[below(seeds.count)]
            input.replaceSubrange(index..., with: other.dropFirst(below(other.count)))
        default:
            // A number at the edge of its range where a length or a count may stand.
            let edge: [UInt8] = [[0xFF, 0xFF], [0, 0], [0x80, 0], [0x7F, 0xFF]][below(4)]
            input.replaceSubrange(index..<min(input.count, index + 2), with: edge)
        }
    }
}
