import Fuzzing
import Testing

/// A short, deterministic cousin of `scripts/fuzz`: a trap ends the test process.
@Suite struct RandomInputTests {
    /// Fewer where one run takes longer: handshakes, ciphers, an engine of its own.
    static func count(_ target: FuzzTarget) -> Int {
        switch target {
        case .dtls, .sctp, .srtp: 600
        case .kurento: 800
        case .stun, .turn, .candidate, .mdns, .sdp, .trickle, .store, .payload: 2000
        case .rtp, .rtcp, .red, .vp9, .dependency, .heartbeat, .form, .location: 4000
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func noiseDoesNotTrap(target: FuzzTarget) async {
        await onOwnThread {
            var generator = InputGenerator(seed: 1)
            for _ in 0..<Self.count(target) / 4 { target.run(generator.noise()) }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func mutationsOfGoodInputsDoNotTrap(target: FuzzTarget) async {
        await onOwnThread {
            let seeds = target.seeds
            for seed in seeds { target.run(seed) }
            var generator = InputGenerator(seed: 2)
            for _ in 0..<Self.count(target) { target.run(generator.mutation(of: seeds)) }
        }
    }
}
