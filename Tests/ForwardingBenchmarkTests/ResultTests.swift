import Foundation
import Testing

@testable import ForwardingBenchmark

@Suite struct ResultTests {
    @Test func theCostIsCPUTimeByDeliveredPackets() throws {
        let measurement = Results.measurement(.apus, round: 1, cost: 4)
        #expect(abs(try #require(measurement.microsecondsPerPacket) - 4) < 1e-9)
        #expect(abs(try #require(measurement.microsecondsPerPacketOfAll) - 6) < 1e-9)
    }

    @Test func theFirstRoundIsDiscarded() throws {
        let result = Results.result([.apus: [40, 4, 5, 6]])
        let summary = try #require(result.summary(.apus, .uniform))
        #expect(summary.rounds == 3)
        #expect(abs(summary.cost - 5) < 1e-9)
        #expect(abs(summary.mostCost - 6) < 1e-9)
    }

    @Test func aSingleRoundCounts() {
        #expect(Results.result([.apus: [4]]).summary(.apus, .uniform)?.rounds == 1)
    }

    @Test func ratiosAreTakenWithinRounds() throws {
        // The machine slows down fourfold on the way; the ratio is 3 all the time.
        let result = Results.result([.apus: [1, 2, 3, 4, 8], .janusTuned: [3, 6, 9, 12, 24]])
        let ratio = try #require(result.ratio(of: .apus, to: .janusTuned, .uniform))
        #expect(abs(ratio.value - 3) < 1e-9)
        #expect(abs(ratio.high - ratio.low) < 1e-9)
        #expect(ratio.rounds == 4)
    }

    @Test func aRoundThatOneServerMissesIsNoRatio() {
        var result = Results.result([.apus: [1, 1, 1, 1], .janus: [4, 4, 4, 4]])
        result.measurements.removeAll { $0.server == .janus && $0.round == 3 }
        #expect(result.ratio(of: .apus, to: .janus, .uniform) == nil)
    }

    @Test(arguments: [
        "corrupt", "misdelivered", "joins", "profile", "nothing",
    ])
    func aFaultyMeasurementDoesNotCount(fault: String) {
        let measurement = Results.measurement(.apus, round: 2, cost: 4) { report in
            switch fault {
            case "corrupt": report.media.corrupt = 1
            case "misdelivered": report.media.misdelivered = 1
            case "joins": report.joins.failed = 1
            case "profile": report.srtpProfiles["AES128_CM_HMAC_SHA1_80"] = 1
            default: report.media.delivered = 0
            }
        }
        #expect(measurement.faults.count == 1)
        var result = Results.result([.apus: [4]])
        result.measurements = [measurement]
        #expect(result.summary(.apus, .uniform) == nil)
    }

    @Test func anUnwellGeneratorOrMachineIsADoubt() {
        var busy = Results.measurement(.apus, round: 2, cost: 4) { $0.generator.threadLoads = [0.71] }
        #expect(busy.faults.isEmpty)
        #expect(busy.doubts == ["generator at 71 % of a core"])
        busy.deviation = 0.2
        #expect(busy.doubts.count == 2)
        let full = Results.measurement(.apus, round: 2, cost: 4) { $0.generator.receiveOverflow = 3 }
        #expect(full.doubts == ["generator lost 3 datagrams"])
        #expect(Results.measurement(.apus, round: 2, cost: 4).doubts.isEmpty)
    }

    @Test func simulcastWithoutSwitchesIsNoSuchMeasurement() {
        var still = Results.measurement(.apus, .simulcast, round: 2, cost: 4) { $0.media.keyFrameRequests = 9 }
        #expect(still.faults == ["no layer was switched"])
        still.switches = LayerSwitches(done: 90, refused: 2)
        #expect(still.faults.isEmpty)
        #expect(still.doubts == ["2 changes of layers were refused"])
        // The server said yes and went on as before.
        still.report.media.keyFrameRequests = 0
        #expect(still.faults == ["no layer was switched"])
    }

    @Test func simulcastIsComparedOnlyWhenBothSentTheSame() {
        var result = Results.result([.apus: [4, 4, 4, 4], .janus: [40, 40, 40, 40]], .simulcast)
        for index in result.measurements.indices {
            result.measurements[index].switches.done = 9
            result.measurements[index].report.media.keyFrameRequests = 9
        }
        #expect(result.ratio(of: .apus, to: .janus, .simulcast) != nil)
        for index in result.measurements.indices where result.measurements[index].server == .janus {
            result.measurements[index].report.media.delivered /= 2
        }
        #expect(result.ratio(of: .apus, to: .janus, .simulcast) == nil)
    }

    @Test func aClaimIsMadeOnlyWhenTheIntervalLeavesOutOne() {
        let clear = Results.result([.apus: [4, 4, 4.1, 3.9], .janus: [40, 40, 41, 39]])
        #expect(ResultTables(clear).claims.count == 1)
        let unclear = Results.result([.apus: [4, 4, 8, 2], .janus: [5, 5, 4, 6]])
        #expect(ResultTables(unclear).claims.isEmpty)
    }

    @Test func memoryIsASlope() throws {
        var footprint = Footprint(server: .apus)
        #expect(footprint.kibibytesPerSubscriber == nil)
        footprint.memory = [0, 50, 100, 200].map { MemoryPoint(subscribers: $0, bytes: UInt64(30 << 20 + $0 * 40_960)) }
        #expect(abs(try #require(footprint.kibibytesPerSubscriber) - 40) < 1e-9)
    }

    @Test func theResultGoesThroughJSON() throws {
        let result = Results.result([.apus: [4, 4], .janus: [40, 40]])
        let copy = try JSONDecoder().decode(BenchmarkResult.self, from: JSONEncoder().encode(result))
        #expect(copy.measurements == result.measurements)
        #expect(copy.settings == result.settings)
    }
}
