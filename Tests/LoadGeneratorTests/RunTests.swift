import Testing
import Wire

@testable import LoadGenerator

/// Whole runs against a reactor of this process: real sockets, handshakes and keys.
@Suite(.serialized) struct RunTests {
    private func expectClean(_ report: LoadReport, subscribers: Int) {
        #expect(report.joins.succeeded == subscribers, "\(report.joins)")
        #expect(report.media.corrupt == 0 && report.media.misdelivered == 0 && report.media.duplicated == 0)
        #expect(report.media.sequenceErrors == 0 && report.media.timestampErrors == 0)
        #expect(report.media.extraStreams == 0)
        #expect(report.media.expected == report.media.delivered + report.media.lost)
        #expect(report.media.delivered > 0 && report.media.verified > 0)
        #expect(report.latency.count == report.media.delivered)
    }

    @Test func onePublisherReachesFiftySubscribersWhole() async throws {
        let plan = LoadPlan(subscribers: 50, warmup: .zero, duration: .seconds(2))
        let report = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(report, subscribers: 50)
        #expect(report.media.expected == report.media.sent * 50)
        #expect(report.media.sent % 5 == 0 && report.media.sent > 0)
        #expect(report.srtpProfiles == ["AEAD_AES_128_GCM": 51])
        #expect(report.directLatency.count > 0 && !report.isInterrupted)
    }
}
