import Media
import Session
import Synchronization
import Wire

/// The sound of a hub's ports, in steps of 20 ms that all ports count alike: each adds its own, and takes the others'.
final class HubMixer: Sendable {
    static let stepLength = Interval.milliseconds(20)
    /// Samples of a step, two channels interleaved.
    static let stepSamples = 2 * AudioFrame.sampleRate / 50

    private let steps = Mutex([MixedStep](repeating: MixedStep(number: -1), count: Limits.heldSteps))
    private let lateness = Mutex(Lateness())
    private let everything = Mutex(Everything())

    /// All ports' sound, encoded once for all who add none.
    private struct Everything: ~Copyable {
        var encoder = StepEncoder()
        var step = -1
        var packets: [[UInt8]] = []
    }

    /// How many steps after the newest the one is that is to be sent: nearly all ports have added theirs by then. More
    /// where threads come late to the processor; what is sent has the same times all the same.
    var lag: Int { lateness.withLock { $0.steps } }

    /// A port added a step so long after it was to.
    func note(_ delay: Interval, now: Instant) { lateness.withLock { $0.note(delay, now: now) } }

    /// Too late, for a step that makes room for one that came after it: nothing happens.
    func add(_ samples: [Int16], of port: EndpointID, to step: Int) {
        steps.withLock { steps in
            let place = step % Limits.heldSteps
            guard steps[place].number <= step else { return }
            if steps[place].number < step { steps[place] = MixedStep(number: step) }
            steps[place].add(samples, of: port)
        }
    }

    /// What all ports but one have added.
    func mix(_ step: Int, without port: EndpointID) -> [Int16] { held(step).mix(without: port) }

    /// What some ports have added.
    func mix(_ step: Int, of ports: [EndpointID]) -> [Int16] { held(step).mix(of: ports) }

    /// Opus of what all ports have added.
    func encodedMix(_ step: Int) -> [[UInt8]] {
        everything.withLock { everything in
            if everything.step < step {
                everything.step = step
                everything.packets = everything.encoder.encode(held(step).mix(without: nil), of: step)
            }
            return everything.step == step ? everything.packets : []
        }
    }

    private func held(_ step: Int) -> MixedStep {
        steps.withLock { steps in
            let place = steps[step % Limits.heldSteps]
            return place.number == step ? place : MixedStep(number: step)
        }
    }
}

/// How late ports have been in the last seconds.
struct Lateness {
    private var worst = Interval.zero
    private var formerWorst = Interval.zero
    private var turn = Instant.origin

    mutating func note(_ delay: Interval, now: Instant) {
        if now - turn >= Limits.latenessMemory {
            formerWorst = now - turn < Limits.latenessMemory * 2 ? worst : .zero
            worst = .zero
            turn = now
        }
        worst = max(worst, delay)
    }

    /// One, and what the latest would have missed.
    var steps: Int {
        let length = HubMixer.stepLength.nanoseconds
        let late = max(worst, formerWorst).nanoseconds + length / 4
        return min(1 + Int(late / length), Limits.longestLagSteps)
    }
}

/// What was added to one step.
struct MixedStep {
    let number: Int
    private var parts: [EndpointID: [Int16]] = [:]
    private var sum: [Int32] = []

    init(number: Int) { self.number = number }

    mutating func add(_ samples: [Int16], of port: EndpointID) {
        guard parts[port] == nil, samples.count == HubMixer.stepSamples else { return }
        parts[port] = samples
        if sum.isEmpty { sum = [Int32](repeating: 0, count: samples.count) }
        for index in samples.indices { sum[index] &+= Int32(samples[index]) }
    }

    func mix(without port: EndpointID?) -> [Int16] {
        guard !sum.isEmpty else { return Self.silence }
        guard let own = port.flatMap({ parts[$0] }) else { return sum.map { Int16(clamping: $0) } }
        return zip(sum, own).map { Int16(clamping: $0 &- Int32($1)) }
    }

    func mix(of ports: [EndpointID]) -> [Int16] {
        var result = Self.silence
        for part in ports.compactMap({ parts[$0] }) {
            for index in result.indices { result[index] = Int16(clamping: Int32(result[index]) + Int32(part[index])) }
        }
        return result
    }

    private static let silence = [Int16](repeating: 0, count: HubMixer.stepSamples)
}

/// Steps of sound into packets of Opus.
struct StepEncoder: ~Copyable {
    private var encoder: AudioEncoder?

    init() {}

    /// None where the library refuses.
    mutating func encode(_ samples: [Int16], of step: Int) -> [[UInt8]] {
        if encoder == nil { encoder = try? AudioEncoder(AudioEncoder.Configuration(codec: .opus)) }
        let time = Interval.milliseconds(Int64(step) * HubMixer.stepLength.milliseconds)
        let sound = AudioFrame(pts: time, channels: 2, samples: samples)
        guard let packets = try? encoder?.encode(sound) else { return [] }
        return packets.map(\.bytes)
    }
}
