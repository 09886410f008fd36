import Foundation
import LoadGenerator

/// The ideal loop of `Benchmarks/Limit`, compiled on the spot.
final class LimitServer: ServerUnderTest {
    static let sources = ["main", "http", "sdp", "peer", "cipher", "forward"].map { "Limit/\($0).c" }

    let signaling: any LoadSignaling
    let mediaProcess: Int32
    let processes: [Int32]
    let facts: ServerFacts
    private let child: ChildProcess

    /// Bytes of RTP padding that may be spent on a packet so that it does not end a train.
    private static let padding = 16

    /// With one `UDP_SEGMENT` send for each burst of a subscriber, or with a `sendto` for each packet.
    init(_ workshop: Workshop, usesTrains: Bool) async throws {
        let program = try workshop.compile(
            Self.sources, to: "limit", flags: [], libraries: ["-lssl", "-lcrypto", "-ldl"])
        let options = usesTrains ? ["--pad", "\(Self.padding)"] : ["--no-gso"]
        let port = try FreePort.tcp()
        child = try ChildProcess(
            workshop.guarded([program, "--port", "\(port)"] + options), log: workshop.folder + "/limit.log")
        let client = HTTPClient(port: port)
        var crypto = ""
        try await child.wait(for: "the limit loop") {
            struct Statistics: Decodable { var crypto: String }
            guard let answer = try? await client.request("GET", "/stats", seconds: 2),
                let statistics = try? JSONDecoder().decode(Statistics.self, from: answer.body)
            else { return false }
            crypto = statistics.crypto
            return true
        }
        signaling = WebRTCHTTPSignaling(port: port)
        let tree = ProcessTable.tree(child.identifier)
        guard let loop = tree.first(where: { ProcessTable.arguments($0).first == program }) else {
            await child.stop()
            throw BenchmarkError("the limit loop is not among its own processes")
        }
        mediaProcess = loop
        processes = [loop]
        facts = ServerFacts(
            version: "Benchmarks/Limit, cc -O2, \(crypto)",
            configuration: "one thread, UDP_GRO, "
                + (usesTrains ? "UDP_SEGMENT, up to \(Self.padding) bytes of RTP padding to keep a train" : "sendto"))
    }

    func stop() async { await child.stop() }
}
