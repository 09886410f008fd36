import Session

/// What a client is told about its resource as it happens: server-sent events (HTML standard, section 9.2) for one
/// listener, who may come late. Lives inside ``Gateway``'s isolation.
final class Notices {
    private var listener: AsyncStream<String>.Continuation?
    /// For who comes later, or comes again: what was said last of each still holds; of encodings by mid.
    private var encodings: [String: String] = [:]
    private var reconnect: String?

    /// Who listened before hears no more.
    func listen() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(Limits.waitingNotices))
        listener?.finish()
        listener = continuation
        for (_, text) in encodings.sorted(by: { $0.key < $1.key }) { continuation.yield(text) }
        if let reconnect { continuation.yield(reconnect) }
        return stream
    }

    func send(_ notice: ReconnectNotice) {
        reconnect = notice.text
        listener?.yield(notice.text)
    }

    func send(_ notice: EncodingsNotice) {
        guard let text = notice.text else { return }
        encodings[notice.mid] = text
        listener?.yield(text)
    }

    func end() {
        listener?.finish()
        listener = nil
    }
}

/// That the client should connect anew.
struct ReconnectNotice: Hashable {
    enum Reason: String {
        /// The worker that carried the media is gone.
        case workerLost
        /// It is to be taken away, and carries on until the client has moved.
        case draining
        /// The time in which it should have moved is over.
        case drained
        /// The path to the client broke.
        case connectionLost
    }

    var reason: Reason
    /// Where to POST the new offer.
    var url: String
    /// Whether media still goes over the old connection: then it is to be closed when media comes over the new one.
    var hasMedia: Bool
    /// Wait a random time of at most so many milliseconds, so that not all come at once.
    var within: Int

    /// `reconnect` as the WHEP working group has proposed it, and what it does not have. Nothing in it needs escapes.
    var text: String {
        "event: reconnect\ndata: {\"reconnect\":\"\(url)\",\"reason\":\"\(reason.rawValue)\",\"media\":\(hasMedia),"
            + "\"within\":\(within)}\n\n"
    }
}
