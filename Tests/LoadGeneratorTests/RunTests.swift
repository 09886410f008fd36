import RTP
import SDP
import Synchronization
import Testing
import Wire

@testable import LoadGenerator

/// Whole runs against a reactor of this process: real sockets, handshakes and keys.
@Suite(.serialized) struct RunTests {
    private func expectClean(_ report: LoadReport, subscribers: Int) {
        #expect(report.joins.succeeded == subscribers, "\(report.joins)")
        #expect(report.media.corrupt == 0 && report.media.misdelivered == 0 && report.media.duplicated == 0)
        #expect(report.media.sequenceErrors == 0 && report.media.timestampErrors == 0, "\(report.media)")
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
        #expect(report.media.sent % 5 == 0 && report.media.sent > 0 && report.media.lost == 0, "\(report)")
        #expect(report.srtpProfiles == ["AEAD_AES_128_GCM": 51])
        #expect(report.directLatency.count > 0 && !report.isInterrupted)
    }

    @Test func videoAndAudioReachTheirSectionsOnTwoThreads() async throws {
        let plan = LoadPlan(
            subscribers: 6, video: .real, hasAudio: true, warmup: .zero, duration: .seconds(1),
            threads: 2, checksumInterval: 4)
        let report = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(report, subscribers: 6)
        #expect(report.media.expected == report.media.sent * 6)
        #expect(report.media.verified < report.media.delivered && report.generator.threadLoads.count == 2)
    }

    @Test func threePublishersOfRealVideoAndAudioReachTheSectionsThatAreTheirs() async throws {
        let plan = LoadPlan(
            publishers: 3, subscribers: 4, video: .real, hasAudio: true, warmup: .zero, duration: .seconds(1))
        let report = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(report, subscribers: 4)
        #expect(report.media.expected == report.media.sent * 4 && report.media.lost == 0)
    }

    /// Of the three encodings, which differ in size, each subscriber gets one at a time.
    @Test func simulcastReachesSubscribersAsOneStream() async throws {
        let plan = LoadPlan(subscribers: 3, video: .simulcast, warmup: .milliseconds(500), duration: .seconds(1))
        let signaling = try ReactorSignaling { capabilities in
            var capabilities = capabilities
            for uri in [HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid]
            where !capabilities.video.headerExtensions.contains(uri) {
                capabilities.video.headerExtensions.append(uri)
            }
            return capabilities
        }
        let report = try await LoadRun(plan: plan, signaling: signaling).run()
        expectClean(report, subscribers: 3)
        #expect(report.media.lost == 0 && report.media.delivered < report.media.sent * 3, "\(report.media)")
    }

    @Test(arguments: [(SRTPChoice.sha1, "AES128_CM_HMAC_SHA1_80"), (.gcm, "AEAD_AES_128_GCM")])
    func theSRTPProfileCanBeForced(choice: SRTPChoice, name: String) async throws {
        let plan = LoadPlan(
            subscribers: 2, video: nil, hasAudio: true, warmup: .zero, duration: .milliseconds(500), srtp: choice)
        let report = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(report, subscribers: 2)
        #expect(report.srtpProfiles == [name: 3])
    }

    @Test func lossIsCountedAndRepairedByNACK() async throws {
        var plan = LoadPlan(subscribers: 4, warmup: .zero, duration: .seconds(2), receiveLoss: 0.1)
        let repaired = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(repaired, subscribers: 4)
        #expect(repaired.media.repaired > 0 && repaired.media.nacksSent > 0)
        #expect(repaired.media.lossRatioBeforeRepair > repaired.media.lossRatio)
        #expect(repaired.media.lossRatio < 0.02, "\(repaired.media)")

        plan.sendsNacks = false
        let plain = try await LoadRun(plan: plan, signaling: ReactorSignaling()).run()
        expectClean(plain, subscribers: 4)
        // Probes of the path repeat packets, and now and then one that was lost.
        #expect(plain.media.repaired < repaired.media.repaired / 2 && plain.media.nacksSent == 0)
        #expect(plain.media.lossRatio > 0.05 && plain.media.lossRatio < 0.15, "\(plain.media)")
    }

    @Test(arguments: RogueKind.allCases) func roguesDoNotTouchTheWitnesses(kind: RogueKind) async throws {
        let plan = LoadPlan(
            subscribers: 3, hasAudio: true, warmup: .zero, duration: .milliseconds(800), rogues: 2, rogueKind: kind)
        let signaling = try ReactorSignaling()
        let report = try await LoadRun(plan: plan, signaling: signaling).run()
        expectClean(report, subscribers: 3)
        #expect(report.media.lost == 0 && report.rogues == 2, "\(report)")
    }

    @Test func anInterruptedRunReportsWhatItHasAndEverybodyLeaves() async throws {
        let signaling = CountedSignaling(try ReactorSignaling())
        let run = try LoadRun(
            plan: LoadPlan(subscribers: 3, warmup: .zero, duration: .seconds(3_600)), signaling: signaling)
        let report = try await run.run { progress in
            if progress.phase == .measuring, progress.delivered > 0 { run.interrupt() }
        }
        #expect(report.isInterrupted && report.seconds < 600)
        expectClean(report, subscribers: 3)
        #expect(signaling.open.withLock { $0 } == 0)
    }

    @Test func refusalsThatPassAreRetriedAndOthersReported() async throws {
        let signaling = CountedSignaling(try ReactorSignaling(), failing: [1: 2, 2: .max])
        let plan = LoadPlan(subscribers: 4, warmup: .zero, duration: .milliseconds(300))
        let report = try await LoadRun(plan: plan, signaling: signaling).run()
        #expect(report.joins.attempted == 4 && report.joins.succeeded == 3 && report.joins.failed == 1)
        #expect(report.joins.retries == 2 + Limits.joinAttempts - 1)
        #expect(report.joins.failures == ["the house is full": 1])
        #expect(report.media.expected == report.media.sent * 3)
        #expect(report.failures(maximumLoss: 1).count == 1)
        #expect(signaling.open.withLock { $0 } == 0)
    }

    @Test func aPublisherThatCannotComeInEndsTheRun() async throws {
        struct Closed: LoadSignaling {
            func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
                throw LoadError("closed today")
            }
            func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
                throw LoadError("closed today")
            }
        }
        let run = try LoadRun(plan: LoadPlan(subscribers: 1), signaling: Closed())
        let error = await #expect(throws: LoadError.self) { try await run.run() }
        #expect(error?.description.contains("closed today") == true)
    }
}

/// Counts the sessions that are open, and refuses some subscribers for a while.
private final class CountedSignaling: LoadSignaling {
    let open = Mutex(0)
    private let inner: ReactorSignaling
    private let failing: Mutex<[Int: Int]>

    init(_ inner: ReactorSignaling, failing: [Int: Int] = [:]) {
        self.inner = inner
        self.failing = Mutex(failing)
    }

    func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        count(try await inner.publish(client, number: number))
    }

    func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        let isRefused = failing.withLock { failing in
            guard let left = failing[number], left > 0 else { return false }
            failing[number] = left - 1
            return true
        }
        if isRefused { throw SignalingRetry("the house is full", after: .milliseconds(1)) }
        return count(try await inner.subscribe(client, number: number))
    }

    private func count(_ session: any SignaledSession) -> any SignaledSession {
        open.withLock { $0 += 1 }
        return Counted(session: session, owner: self)
    }

    private struct Counted: SignaledSession {
        let session: any SignaledSession
        let owner: CountedSignaling

        func close() async {
            await session.close()
            owner.open.withLock { $0 -= 1 }
        }
    }
}
