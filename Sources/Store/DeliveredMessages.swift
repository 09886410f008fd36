/// Which messages of one stream were handed to its reader.
///
/// A store that was restored, or a replica that took over, may have a stream without its newest messages. The reader is
/// beyond its end then, and what comes next could get a lower number than what was read last, if the clock there is
/// behind. So the stream is read again from its beginning, and this tells what is new of it: to carry out a command
/// again after others that followed it would end what they began.
struct DeliveredMessages {
    /// Everything up to here counts as handed over.
    private var floor: StreamCursor
    /// A ring of the newest beyond it; all of its memory is taken at once.
    private var recent: [StreamCursor]
    private var next = 0
    /// While the stream is read again: what of it is known.
    private var known: Set<StreamCursor>?

    /// - Parameter start: where the reader began.
    init(after start: StreamCursor) {
        floor = start
        recent = Array(repeating: start, count: Limits.streamLength)
    }

    /// The reader goes back to the beginning.
    mutating func readAgain() { known = Set(recent) }

    /// The reader has come to the end.
    mutating func endReadingAgain() { known = nil }

    /// Whether the reader has not had the message; it has from now on.
    mutating func take(_ message: StreamCursor) -> Bool {
        if let known, !floor.isBefore(message) || known.contains(message) { return false }
        if floor.isBefore(recent[next]) { floor = recent[next] }
        recent[next] = message
        next = (next + 1) % recent.count
        return true
    }
}
