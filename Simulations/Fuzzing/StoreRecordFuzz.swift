import Session
import Store
import Wire

/// Values that a hostile or damaged store hands back: each decoder gets the bytes, none may trap.
public enum StoreRecordFuzz {
    public static func run(_ input: RawSpan) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(input.byteCount)
        for index in 0..<input.byteCount { bytes.append(input.uint8(at: index)) }
        let text = String(decoding: bytes, as: UTF8.self)
        if let command = try? RecordCoding.command(text) { checkRoundTrip(command) }
        if let message = try? RecordCoding.message(text) { checkRoundTrip(message) }
        if let specification = try? RecordCoding.specification(text) {
            var rebuilt = SessionSpecification()
            for operation in specification.operations { rebuilt.apply(operation) }
        }
        _ = try? RecordCoding.report(text, of: WorkerID("w1"))
        if let report = try? RecordCoding.controller(text, of: ControllerID("c1")) {
            var targets = HeartbeatTargets()
            targets.update([report])
            precondition(targets.all.count == (report.heartbeats == nil ? 0 : 1))
        }
        // The fields of a session's record, one a line.
        let fields = text.split(separator: "\n", maxSplits: 6, omittingEmptySubsequences: false).map(String.init)
        func field(_ index: Int) -> String? { index < fields.count ? fields[index] : nil }
        _ = try? RecordCoding.record(
            session: SessionID(field(0) ?? ""), worker: field(1), incarnation: field(2), epoch: field(3),
            controller: field(4), state: field(5), specification: field(6))
        _ = RedisAddress(text)
        if let address = SocketAddress(text) { precondition(SocketAddress(address.description) == address) }
        checkPath(text)
    }

    /// The ends of a pipe tell their addresses, one a line; one that is chosen is one of them.
    private static func checkPath(_ text: String) {
        let lines = text.split(separator: "\n", maxSplits: 40).map(String.init)
        let local = OpenedPipe(network: "", addresses: Array(lines.prefix(lines.count / 2)))
        let remote = OpenedPipe(network: "", addresses: Array(lines.dropFirst(lines.count / 2)))
        guard let path = PipePath.choose(from: local, to: remote) else { return }
        precondition(local.addresses.contains(path.local) && remote.addresses.contains(path.remote))
    }

    /// What was accepted can be written, and is read back as the same.
    private static func checkRoundTrip(_ command: CommandEnvelope) {
        guard let text = try? RecordCoding.text(of: command) else { return }
        precondition((try? RecordCoding.command(text)) == command)
    }

    private static func checkRoundTrip(_ message: WorkerMessage) {
        // Not a number is read from no JSON, so equality is safe.
        guard let text = try? RecordCoding.text(of: message) else { return }
        precondition((try? RecordCoding.message(text)) == message)
    }
}
