import Testing
import Wire

@testable import Congestion

@Suite struct PacerTests {
    private let start = Digests.at(0)

    private func pacer(_ rate: UInt64, padding: UInt64 = 0, burst: Interval = .zero) -> Pacer {
        var pacer = Pacer(pacingRate: rate, now: start)
        pacer.setRates(pacing: rate, padding: padding, burst: burst, now: start)
        return pacer
    }

    /// Bytes that leave in `milliseconds` while video always waits.
    private func drive(_ pacer: inout Pacer, _ backlog: Pacer.Backlog, milliseconds: Double, room: Int = .max) -> Int {
        var bytes = 0
        var now = start
        let end = Digests.at(milliseconds)
        while now <= end {
            switch pacer.decide(backlog, windowRoom: room, now: now) {
            case .send(let kind, let cluster):
                pacer.sent(1_000, kind: kind, probeCluster: cluster, now: now)
                bytes += 1_000
            case .padding(let size, let cluster):
                pacer.sent(size, kind: .padding, probeCluster: cluster, now: now)
                bytes += size
            case .wait:
                guard pacer.deadline > now else { return -1 }
                now = pacer.deadline
            }
        }
        return bytes
    }

    @Test func videoLeavesAtThePacingRate() {
        var pacer = pacer(800_000)
        let bytes = drive(&pacer, Pacer.Backlog(video: 100_000, oldest: start), milliseconds: 1_000)
        #expect((100_000...102_000).contains(bytes))
    }

    @Test func audioIsNeverHeldBackAndGoesFirst() {
        var pacer = pacer(80_000)
        pacer.sent(10_000, kind: .video, now: start)
        let backlog = Pacer.Backlog(audio: 100, retransmission: 1_000, video: 1_000, oldest: start)
        #expect(pacer.decide(backlog, windowRoom: 0, now: start) == .send(.audio, probeCluster: 0))
        #expect(pacer.decide(Pacer.Backlog(retransmission: 9, video: 9, oldest: start), now: start) == .wait)
        let later = start + .seconds(2)
        let rest = Pacer.Backlog(retransmission: 9, video: 9, oldest: later)
        #expect(pacer.decide(rest, now: later) == .send(.retransmission, probeCluster: 0))
    }

    @Test func aBurstLeavesAtOnceAndIsPaidForAfterwards() {
        var pacer = pacer(800_000, burst: .milliseconds(40))
        let backlog = Pacer.Backlog(video: 100_000, oldest: start)
        var sent = 0
        while case .send(let kind, _) = pacer.decide(backlog, now: start) {
            pacer.sent(1_000, kind: kind, now: start)
            sent += 1
        }
        #expect(sent == 5)
        #expect(pacer.deadline == start + .milliseconds(10) + .nanoseconds(1))
    }

    @Test func aQueueThatWaitsForTwoSecondsLeavesFaster() {
        var pacer = pacer(80_000)
        let slow = drive(&pacer, Pacer.Backlog(video: 50_000, oldest: start + .seconds(100)), milliseconds: 500)
        var late = self.pacer(80_000)
        let fast = drive(&late, Pacer.Backlog(video: 50_000, oldest: .origin), milliseconds: 500)
        #expect(fast > 2 * slow)
    }

    @Test func paddingFillsUpToItsRateAfterTheFirstPacket() {
        var pacer = pacer(800_000, padding: 400_000)
        #expect(pacer.decide(Pacer.Backlog(), now: start) == .wait)
        pacer.sent(100, kind: .video, now: start)
        let bytes = drive(&pacer, Pacer.Backlog(), milliseconds: 1_000)
        #expect((48_000...51_500).contains(bytes))
    }

    @Test func withoutRoomInTheWindowOnePacketLeavesEachHalfSecond() {
        var pacer = pacer(800_000)
        let bytes = drive(&pacer, Pacer.Backlog(video: 100_000, oldest: start), milliseconds: 2_100, room: 0)
        #expect(bytes == 5_000)
    }

    @Test func aProbeLeavesAtItsOwnRateAndFillsUpWithPadding() {
        var pacer = pacer(100_000)
        let cluster = ProbeCluster(
            id: 7, rate: 4_000_000, minimumBytes: 7_500, minimumPackets: 5, spacing: .milliseconds(2))
        pacer.startProbe(cluster, now: start)
        // Nothing to send: a probe waits for media.
        #expect(pacer.decide(Pacer.Backlog(), now: start) == .wait)
        var now = start
        var sizes: [Int] = []
        #expect(pacer.decide(Pacer.Backlog(video: 1_000, oldest: start), now: now) == .send(.video, probeCluster: 7))
        pacer.sent(1_000, kind: .video, probeCluster: 7, now: now)
        while true {
            switch pacer.decide(Pacer.Backlog(), now: now) {
            case .padding(let bytes, probeCluster: 7):
                sizes.append(bytes)
                pacer.sent(bytes, kind: .padding, probeCluster: 7, now: now)
                continue
            case .wait where pacer.deadline < .distantFuture:
                now = pacer.deadline
                continue
            default: break
            }
            break
        }
        #expect(sizes.count == 6)
        #expect((10...16).contains((now - start).milliseconds))
    }

    @Test func aTrainThatIsLateIsGivenUp() {
        var pacer = pacer(100_000)
        pacer.startProbe(
            ProbeCluster(id: 1, rate: 4_000_000, minimumBytes: 7_500, minimumPackets: 5, spacing: .milliseconds(2)),
            now: start)
        _ = pacer.decide(Pacer.Backlog(video: 1_000, oldest: start), now: start)
        pacer.sent(1_000, kind: .video, probeCluster: 1, now: start)
        let late = start + .milliseconds(30)
        #expect(pacer.decide(Pacer.Backlog(), now: late) == .wait)
    }
}
