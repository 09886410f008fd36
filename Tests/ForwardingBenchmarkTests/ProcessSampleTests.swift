import Foundation
import Testing

@testable import ForwardingBenchmark

@Suite struct ProcessSampleTests {
    private static let numbers =
        "S 1 4242 4242 0 -1 4194560 100 0 0 0 1234 567 0 0 20 0 9 0 987654 1000 500 18446744073709551615"

    @Test func aStatLineIsRead() throws {
        let sample = try #require(ProcessSample(stat: "4242 (janus) \(Self.numbers)\n"))
        #expect(sample.parent == 1)
        #expect(sample.userTicks == 1_234)
        #expect(sample.systemTicks == 567)
        #expect(sample.threads == 9)
        #expect(sample.startTicks == 987_654)
    }

    @Test func aNameMayHoldParenthesesAndSpaces() throws {
        let sample = try #require(ProcessSample(stat: "7 (a) S 9 (b) \(Self.numbers)"))
        #expect(sample.parent == 1)
        #expect(sample.userTicks == 1_234)
    }

    @Test(arguments: ["", "7 (janus", "7 (janus) S 1 2 3", "7 (janus) S x"])
    func otherTextIsNoStatLine(text: String) {
        #expect(ProcessSample(stat: text) == nil)
    }

    @Test func whatTheProcessorsDidIsReadWithoutWhatTheyDidNot() {
        let stat = "cpu  100 20 30 5000 400 5 6 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
        #expect(ProcessSample.busyTicks(inStat: stat) == 168)
        for text in ["", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8"] {
            #expect(ProcessSample.busyTicks(inStat: text) == nil, "\(text)")
        }
    }

    @Test func memoryIsReadByItsName() {
        let status = "Name:\tjanus\nVmRSSX:\t   1 kB\nVmRSS:\t   20480 kB\nThreads:\t22\n"
        #expect(ProcessSample.bytes("VmRSS", inStatus: status) == 20_480 * 1_024)
        #expect(ProcessSample.bytes("Threads", inStatus: status) == nil)
        #expect(ProcessSample.bytes("VmHWM", inStatus: status) == nil)
    }

    @Test func thisProcessIsFound() throws {
        let tree = ProcessTable.tree(1)
        #expect(tree.first == 1)
        let own = try #require(ProcessTable.sample(getpid()))
        #expect(own.threads >= 1)
        #expect(try #require(ProcessTable.residentMemory(getpid())) > 1 << 20)
    }
}
