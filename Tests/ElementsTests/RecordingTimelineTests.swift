import Testing
import Wire

@testable import Elements

@Suite struct RecordingTimelineTests {
    private let begin = Instant.origin + .seconds(100)

    @Test func theFirstFrameIsTheFilesZeroAndOthersKeepTheirDistance() {
        var timeline = RecordingTimeline()
        #expect(timeline.place(begin, lasting: .milliseconds(20)) == .zero)
        #expect(timeline.place(begin + .milliseconds(70), lasting: .milliseconds(20)) == .milliseconds(70))
        #expect(timeline.end == .milliseconds(90))
    }

    @Test func aFrameFromBeforeTheZeroIsAtTheZero() {
        var timeline = RecordingTimeline()
        _ = timeline.place(begin, lasting: .milliseconds(20))
        #expect(timeline.place(begin - .milliseconds(5), lasting: .milliseconds(20)) == .zero)
    }

    @Test func whatComesAfterAPauseFollowsAtOnce() {
        var timeline = RecordingTimeline()
        _ = timeline.place(begin, lasting: .milliseconds(20))
        _ = timeline.place(begin + .milliseconds(980), lasting: .milliseconds(20))
        timeline.cut()
        #expect(timeline.place(begin + .seconds(31), lasting: .milliseconds(20)) == .seconds(1))
        #expect(timeline.place(begin + .seconds(32), lasting: .milliseconds(20)) == .seconds(2))
    }

    @Test func aPauseBeforeTheFirstFrameLeavesNoTrace() {
        var timeline = RecordingTimeline()
        timeline.cut()
        #expect(timeline.place(begin, lasting: .milliseconds(20)) == .zero)
        #expect(timeline.place(begin + .seconds(1), lasting: .milliseconds(20)) == .seconds(1))
    }
}
