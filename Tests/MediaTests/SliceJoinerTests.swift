import Testing
import Wire

@testable import Media

@Suite struct SliceJoinerTests {
    private func part(_ byte: UInt8, at milliseconds: Int64, isKeyFrame: Bool = false) -> MediaPacket {
        MediaPacket(track: 0, pts: .milliseconds(milliseconds), isKeyFrame: isKeyFrame, bytes: [byte])
    }

    @Test func partsOfOneTimeAreOnePicture() {
        var joiner = SliceJoiner()
        #expect(joiner.take(part(1, at: 0, isKeyFrame: true), isTimed: true) == nil)
        #expect(joiner.take(part(2, at: 0), isTimed: true) == nil)
        let key = joiner.take(part(3, at: 40), isTimed: true)
        #expect(key?.bytes == [1, 2] && key?.isKeyFrame == true)
        #expect(joiner.take(part(4, at: 80), isTimed: true)?.bytes == [3])
        #expect(joiner.finish()?.bytes == [4])
        #expect(joiner.finish() == nil)
    }

    @Test func partsWithoutATimeBelongToTheNextThatHasOne() {
        var joiner = SliceJoiner()
        #expect(joiner.take(part(1, at: 0, isKeyFrame: true), isTimed: false) == nil)
        #expect(joiner.take(part(2, at: 7), isTimed: true) == nil)
        let first = joiner.take(part(3, at: 47), isTimed: true)
        #expect(first?.bytes == [1, 2] && first?.pts == .milliseconds(7))
    }

    @Test func aSourceThatNeverSaysATimeIsSeenAllTheSame() {
        var joiner = SliceJoiner()
        let given = (0..<60).map { joiner.take(part(UInt8($0), at: Int64($0) * 40), isTimed: false) }
        #expect(given.compactMap(\.self).count > 40)
        #expect(given.last??.bytes == [58])
    }

    @Test func aPictureWithoutEndIsNotHeldForEver() {
        var joiner = SliceJoiner()
        let large = MediaPacket(
            track: 0, pts: .zero, isKeyFrame: true, bytes: [UInt8](repeating: 0, count: Limits.packetBytes))
        #expect(joiner.take(large, isTimed: true) == nil)
        #expect(joiner.take(part(1, at: 0), isTimed: true)?.bytes.count == Limits.packetBytes)
    }
}
