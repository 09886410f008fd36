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

    @Test func itGrowsWhileItWouldForgetWhatFeedbackMaySpeakOf() {
        // 400 packets/s: the two seconds in which a fate may be told once more are 800.
        var history = SendHistory(capacity: 16_384)
        for number in Int64(0)..<40_000 {
            history.append(
                SentPacket(sequence: number, sentAt: Digests.at(Double(number) * 2.5), size: 100, kind: .video))
            if number >= 100 { history.settle(number - 100, as: .received) }
        }
        #expect(history.placeCount == 1_024)
        for number in Int64(39_200)..<40_000 { #expect(history.record(number)?.packet.sequence == number) }
        #expect(history.bytesInFlight == 10_000)
    }

    @Test func itStaysSmallForAPeerThatIsSentLittleAndEndsAtItsCapacity() {
        var slow = SendHistory(capacity: 16_384)
        var deaf = SendHistory(capacity: 2_048)
        for number in Int64(0)..<10_000 {
            let packet = SentPacket(
                sequence: number, sentAt: Digests.at(Double(number) * 10), size: 100, kind: .video)
            slow.append(packet)
            slow.settle(number, as: .received)
            deaf.append(packet)
        }
        #expect(slow.placeCount == Limits.smallestHistory)
        #expect(deaf.placeCount == 2_048)
        #expect(deaf.bytesInFlight == 204_800)
    }
}
