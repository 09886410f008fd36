import LoadGenerator
import Testing

@testable import CompositeBenchmark

struct ClipTests {
    @Test func aClipBeginsWithItsOnlyKeyFrameAndHasItsBitsAndItsSound() throws {
        let clip = try ClipMaker(width: 160, height: 90, framesPerSecond: 15, bitRate: 150_000).make()
        #expect(clip.pictures.count == 60)
        // RFC 6386 section 9.1: the lowest bit of a key frame's first byte is 0.
        #expect(clip.pictures.map { $0[0] & 1 } == [0] + [UInt8](repeating: 1, count: 59))
        // Moving pictures: each costs something, and the rate is about what was asked for.
        #expect(clip.pictures.allSatisfy { $0.count > 100 })
        #expect((75_000...300_000).contains(clip.bitsPerSecond))
        #expect((198...200).contains(clip.sound.count))
    }
}
