import ForwardingBenchmark
import Foundation
import SCTPBenchmark
import Testing

@Suite struct SCTPResultTests {
    private func sample(_ stack: Stack, _ length: Int, bytes: UInt64, processor: Double) -> SCTPResult.Sample {
        var end = EndFigures()
        end.bytes = bytes
        end.seconds = 2
        end.processorSeconds = processor
        return SCTPResult.Sample(stack: stack, messageLength: length, sender: end, receiver: end)
    }

    private var result: SCTPResult {
        let machine = Machine(processor: "a processor", cores: 2, kernel: "6.1")
        var result = SCTPResult(machine: machine, run: SCTPRun(executable: "apus", sources: "Benchmarks"))
        result.rounds = [(300, 0.2), (200, 0.4), (500, 0.3)].map { megabytes, processor in
            [
                sample(.apus, 16_384, bytes: megabytes * 1_000_000, processor: processor),
                sample(.usrsctp, 16_384, bytes: 100_000_000, processor: 0.4),
            ]
        }
        return result
    }

    @Test func ratiosAreWithinRounds() {
        #expect(result.ratios(messageLength: 16_384) { $0.rate } == [3, 2, 5])
        #expect(result.ratios(messageLength: 65_536) { $0.rate } == [])
    }

    @Test func ratesAndCostsAreThoseOfTheMessages() throws {
        let first = try #require(result.rounds.first?.first)
        #expect(first.rate == 150)
        // 0.2 s at each end for 0.3 GB.
        #expect(abs(first.cost - 0.4 / 0.3) < 1e-9)
    }

    @Test func theTableHasTheMedianAndTheSpread() {
        let text = result.text()
        #expect(text.contains("150.0 (100.0 to 250.0)"))
        #expect(text.contains("3.00 (2.00 to 5.00)"))
        #expect(result.text(isMarkdown: true).contains("| 16 KiB, usrsctp | 50.0 (50.0 to 50.0) |"))
    }

    @Test func whatIsWrittenCanBeRead() throws {
        let read = try JSONDecoder().decode(SCTPResult.self, from: Data(try result.json().utf8))
        #expect(read.rounds == result.rounds)
    }

    /// A line as `Benchmarks/SCTP/peer.c` prints it.
    @Test func figuresOfThePeerAreRead() throws {
        let line = """
            {"bytes":47448064,"seconds":2.006853,"processorSeconds":0.247692,"packetsSent":21723,"packetsReceived":43445}
            """
        let figures = try JSONDecoder().decode(EndFigures.self, from: Data(line.utf8))
        #expect(figures.bytes == 47_448_064 && figures.packetsReceived == 43_445)
    }
}
