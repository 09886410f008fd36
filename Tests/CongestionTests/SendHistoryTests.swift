import Testing
import Wire

@testable import Congestion

@Suite struct SendHistoryTests {
    @Test func feedbackOnAPacketThatNeverLeftIsIgnored() {
        var history = SendHistory(capacity: 8)
        history.append(SentPacket(sequence: 5, sentAt: .origin, size: 100, kind: .video))
        #expect(history.record(4) == nil)
        #expect(history.record(6) == nil)
        #expect(history.record(.max) == nil)
        #expect(history.record(-1) == nil)
        #expect(history.record(5)?.packet.size == 100)
    }

    @Test func bytesAreInFlightUntilFeedbackPassesThem() {
        var history = SendHistory(capacity: 8)
        for number in Int64(0)..<4 {
            history.append(SentPacket(sequence: number, sentAt: .origin, size: 100, kind: .video))
        }
        #expect(history.bytesInFlight == 400)
        history.settle(2, as: .received)
        #expect(history.bytesInFlight == 300)
        history.pass(to: 3)
        #expect(history.bytesInFlight == 100)
        for number in Int64(4)..<40 {
            history.append(SentPacket(sequence: number, sentAt: .origin, size: 100, kind: .video))
        }
        #expect(history.bytesInFlight == 800)
    }
}
