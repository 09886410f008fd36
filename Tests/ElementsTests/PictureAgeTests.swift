import Media
import Testing
import Wire

@testable import Elements

/// When a hub's pictures were to be seen, on an average.
@Suite struct PictureAgeTests {
    private func picture(_ number: UInt64, due milliseconds: Int64) throws -> HubPicture {
        HubPicture(
            picture: try VideoFrame(width: 16, height: 16), number: number,
            due: Instant.origin + .milliseconds(milliseconds), order: 0)
    }

    @Test func itFollowsSlowlyWhatDecodingTakes() throws {
        var age = PictureAge(interval: .milliseconds(66))
        #expect(age.mean == .milliseconds(33))
        for step in 1...300 {
            let now = Instant.origin + .milliseconds(Int64(step) * 66)
            let before = age.mean
            age.note([try picture(UInt64(step), due: Int64(step) * 66 - 100)], now: now)
            #expect(age.mean - before <= .milliseconds(66) / 16)
        }
        #expect(age.mean > .milliseconds(98) && age.mean <= .milliseconds(100))
    }

    @Test func aPictureThatIsShownAgainCountsOnce() throws {
        var age = PictureAge(interval: .milliseconds(66))
        let still = try picture(1, due: 0)
        for step in 1...300 { age.note([still], now: Instant.origin + .milliseconds(Int64(step) * 66)) }
        #expect(age.mean < .milliseconds(36), "a camera that stands still says nothing of how late others are")
    }

    @Test func whatIsTooOldOrEarlyCountsAsMuchAsItCan() throws {
        var age = PictureAge(interval: .milliseconds(66))
        let now = Instant.origin + .seconds(100)
        age.note([try picture(1, due: 0)], now: now)
        #expect(age.mean == .milliseconds(33) + .milliseconds(66) / 16)
        for number in 2...200 { age.note([try picture(UInt64(number), due: 200_000)], now: now) }
        #expect(age.mean >= .zero && age.mean < .milliseconds(1))
    }
}
