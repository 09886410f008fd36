import Foundation
import Session
import Testing
import Wire

@testable import Elements

@Suite struct HubMixerTests {
    private let ada = EndpointID("ada")
    private let bob = EndpointID("bob")
    private let eve = EndpointID("eve")

    private func sound(_ level: Int16) -> [Int16] { [Int16](repeating: level, count: HubMixer.stepSamples) }

    @Test func eachGetsAllButItsOwn() {
        let mixer = HubMixer()
        mixer.add(sound(100), of: ada, to: 7)
        mixer.add(sound(20), of: bob, to: 7)
        mixer.add(sound(-3), of: eve, to: 7)
        #expect(mixer.mix(7, without: ada) == sound(17))
        #expect(mixer.mix(7, without: bob) == sound(97))
        #expect(mixer.mix(7, without: eve) == sound(120))
        #expect(mixer.mix(7, without: EndpointID("somebody else")) == sound(117))
        #expect(mixer.mix(7, of: [ada, eve]) == sound(97))
    }

    @Test func loudnessEndsAtTheScale() {
        let mixer = HubMixer()
        for (port, level) in [(ada, Int16.max), (bob, 30_000), (eve, -32_000)] {
            mixer.add(sound(level), of: port, to: 0)
        }
        #expect(mixer.mix(0, without: eve) == sound(.max))
        // The sum is exact before it is cut: what one takes out comes back.
        #expect(mixer.mix(0, without: ada) == sound(-2000))
        #expect(mixer.mix(0, of: [ada, bob]) == sound(.max))
        mixer.add(sound(.min), of: ada, to: 1)
        mixer.add(sound(.min), of: bob, to: 1)
        #expect(mixer.mix(1, without: eve) == sound(.min))
    }

    @Test func aStepThatNobodyAddedToIsSilence() {
        let mixer = HubMixer()
        #expect(mixer.mix(3, without: ada) == sound(0))
        mixer.add(sound(5), of: ada, to: 3)
        #expect(mixer.mix(3, without: ada) == sound(0))
        #expect(mixer.mix(3, of: [bob]) == sound(0))
        #expect(mixer.mix(4, without: bob) == sound(0))
    }

    @Test func whatComesForAStepThatIsOverIsLeftOut() {
        let mixer = HubMixer()
        mixer.add(sound(5), of: ada, to: 100)
        mixer.add(sound(9), of: bob, to: 100 - Limits.heldSteps)
        #expect(mixer.mix(100, without: eve) == sound(5))
        #expect(mixer.mix(100 - Limits.heldSteps, without: eve) == sound(0))
    }

    @Test func addingTwiceCountsOnce() {
        let mixer = HubMixer()
        mixer.add(sound(5), of: ada, to: 1)
        mixer.add(sound(5), of: ada, to: 1)
        mixer.add([1, 2], of: bob, to: 1)
        #expect(mixer.mix(1, without: eve) == sound(5))
    }

    @Test func portsThatAreLateAreWaitedForAWhile() {
        var lateness = Lateness()
        let begin = Instant.origin + .seconds(100)
        #expect(lateness.steps == 1)
        for (seconds, delay, steps) in [(0, 2, 1), (1, 14, 1), (2, 33, 2), (3, 1, 2), (8, 1, 2), (14, 1, 1)] {
            lateness.note(.milliseconds(Int64(delay)), now: begin + .seconds(Int64(seconds)))
            #expect(lateness.steps == steps, "after \(seconds) s")
        }
        lateness.note(.seconds(9), now: begin + .seconds(15))
        #expect(lateness.steps == Limits.longestLagSteps)
    }

    @Test func whoAddsNothingSharesOneEncoder() {
        let mixer = HubMixer()
        mixer.add(sound(500), of: ada, to: 1)
        let first = mixer.encodedMix(1)
        #expect(first.count == 1 && mixer.encodedMix(1) == first)
        #expect(mixer.encodedMix(0).isEmpty, "it is over")
        #expect(mixer.encodedMix(2).count == 1)
    }
}

@Suite struct HubSoundTests {
    private let step = HubMixer.stepSamples / 2

    /// Both channels of `count` samples that count up from `first`.
    private func ramp(_ first: Int, _ count: Int) -> [Int16] {
        (first..<first + count).flatMap { [Int16($0), Int16($0)] }
    }

    @Test func packetsThatFollowEachOtherAreReadInSteps() {
        var sound = HubSound()
        sound.write(ramp(1, step), at: step / 2)
        sound.write(ramp(1 + step, step), at: step / 2 + step)
        let first = sound.read(0)
        #expect(first == [Int16](repeating: 0, count: step) + ramp(1, step / 2))
        #expect(sound.read(1) == ramp(1 + step / 2, step))
        #expect(sound.read(2) == ramp(1 + step + step / 2, step / 2) + [Int16](repeating: 0, count: step))
        #expect(sound.read(3) == nil)
    }

    @Test func aPauseIsSilence() {
        var sound = HubSound()
        sound.write(ramp(1, step), at: 0)
        #expect(sound.read(0) == ramp(1, step))
        for number in 1..<50 { #expect(sound.read(number) == nil) }
        sound.write(ramp(1, step), at: 50 * step)
        #expect(sound.read(50) == ramp(1, step))
    }

    @Test func soundFromFarAwayIsNotKept() {
        var sound = HubSound()
        sound.write(ramp(1, step), at: 60 * step)
        #expect(sound.read(60) == nil)
        var old = HubSound()
        #expect(old.read(100) == nil)
        old.write(ramp(1, step), at: 10 * step)
        #expect(old.read(101) == nil)
    }

    /// A sender whose clock runs fast or slow by 500 ppm, for two minutes.
    @Test(arguments: [-24, 24])
    func clocksThatDifferLeaveNoHoles(drift: Int) {
        var sound = HubSound()
        let packet = ramp(100, step)
        var holes = 0
        var next = 0
        for number in 0..<6000 {
            // A packet is decoded when it is due, and a step read when it is over.
            let position = number * step + number * drift / 50
            while (next + 1) * step + step / 4 <= position {
                let read = sound.read(next)
                if next > 0, read?.contains(0) != false { holes += 1 }
                next += 1
            }
            sound.write(packet, at: position)
        }
        #expect(holes == 0)
    }

    /// As after a start that was slow: 160 ms less in 8 s. Nothing of the sound is cut out.
    @Test func aDelayThatShrinksIsNotHeard() {
        var sound = HubSound()
        var heard: [Int16] = []
        for number in 0..<400 {
            let position = number * step - number * step / 50
            sound.write(tone(from: number * step, step), at: position)
            let begun = heard.count / step
            guard (begun + 1) * step <= position else { continue }
            heard += (sound.read(begun) ?? []).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
        let steps = zip(heard, heard.dropFirst()).map { abs(Int($0) - Int($1)) }
        // At most 55 from sample to sample, at the tone's own speed.
        #expect(heard.count > 390 * step * 49 / 50 && steps.max() ?? .max < 60)
    }

    /// Both channels of a tone of 437 Hz.
    private func tone(from first: Int, _ count: Int) -> [Int16] {
        (first..<first + count).flatMap { index in
            let sample = Int16(962 * sin(2 * Double.pi * 437 * Double(index) / 48_000))
            return [sample, sample]
        }
    }

    @Test func soundThatIsStretchedKeepsItsEnds() {
        let sound = ramp(0, 100)
        for count in [96, 104] {
            let stretched = HubSound.stretch(sound, to: count)
            #expect(stretched.count == 2 * count)
            #expect(stretched.first == 0 && stretched.last == 99)
            #expect(zip(stretched, stretched.dropFirst(2)).allSatisfy { $1 - $0 <= 2 && $1 >= $0 })
        }
    }
}
