import Media
import Testing
import Wire

@testable import Elements

/// When a hub's pictures were to be seen, on an average.
@Suite struct PictureAgeTests {
    private func picture(_ number: UInt64, late milliseconds: Int64) throws -> HubPicture {
        HubPicture(
            picture: try VideoFrame(width: 16, height: 16), number: number, lateness: .milliseconds(milliseconds),
            order: 0)
    }

    @Test func itFollowsSlowlyWhatDecodingTakes() throws {
        var age = PictureAge(interval: .milliseconds(64))
        #expect(age.mean == .milliseconds(32))
        for step in 1...300 {
            let before = age.mean
            age.note([try picture(UInt64(step), late: 100)])
            #expect(age.mean - before <= .milliseconds(4))
        }
        #expect(age.mean > .milliseconds(130) && age.mean <= .milliseconds(132))
    }

    @Test func aPictureThatIsShownAgainCountsOnce() throws {
        var age = PictureAge(interval: .milliseconds(64))
        let still = try picture(1, late: 60)
        for _ in 1...300 { age.note([still]) }
        #expect(age.mean < .milliseconds(35), "a camera that stands still says nothing of how late others are")
    }

    @Test func whatIsTooLateOrEarlyCountsAsMuchAsItCan() throws {
        var age = PictureAge(interval: .milliseconds(64))
        age.note([try picture(1, late: 100_000)])
        #expect(age.mean == .milliseconds(36))
        for number in 2...200 { age.note([try picture(UInt64(number), late: -100_000)]) }
        #expect(age.mean >= .milliseconds(32) && age.mean < .milliseconds(33))
    }
}
