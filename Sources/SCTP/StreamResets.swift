import Wire

/// Closing streams by numbering them anew (RFC 6525), as data channels do (RFC 8831 section 6.7). Only outgoing streams
/// are reset, each side its own; all else that RFC 6525 allows is refused.
struct StreamResets: Sendable {
    /// Results of a request (RFC 6525 section 4.4).
    enum Result {
        static let nothingToDo: UInt32 = 0
        static let performed: UInt32 = 1
        static let denied: UInt32 = 2
        static let badSequence: UInt32 = 5
        static let inProgress: UInt32 = 6
    }

    private enum ParameterType {
        static let outgoingReset: UInt16 = 13
        static let response: UInt16 = 16
    }

    /// What a chunk asks to be done.
    struct Effects: Sendable {
        /// The peer's streams that begin anew; nil when none does.
        var inbound: [UInt16]?
        /// Ours that have begun anew.
        var outbound: [UInt16] = []
    }

    private struct Request: Sendable {
        var sequence: UInt32
        var streams: [UInt16]
        /// The newest TSN when it was made.
        var last: TSN
        var resendsAt: Instant
    }

    private var nextSequence: UInt32
    /// The peer's newest request that was looked at, and what became of it.
    private var peerSequence: UInt32
    private var peerResult = Result.nothingToDo
    /// That request, while it waits for data (RFC 6525 section 5.2.2, rule E3).
    private var deferred: (last: TSN, streams: [UInt16])?
    /// When the first of those that wait could have been asked for.
    private var readySince: Instant?
    private var waiting: [UInt16] = []
    private var request: Request?
    private var owesRequest = false
    private var owesResponse: (sequence: UInt32, result: UInt32)?

    /// Both sides count their requests from their first TSN.
    init(first: TSN, peerFirst: TSN) {
        nextSequence = first.rawValue
        peerSequence = peerFirst.rawValue &- 1
    }

    var deadline: Instant { request?.resendsAt ?? .distantFuture }
    var owes: Bool { owesRequest || owesResponse != nil }

    mutating func advance(to now: Instant, timeout: Interval) {
        guard now >= deadline else { return }
        request?.resendsAt = now + timeout
        owesRequest = true
    }

    // MARK: Our streams

    /// The stream is to be reset once nothing of it is under way. False when it is already.
    mutating func begin(_ stream: UInt16) -> Bool {
        guard !isUnderWay(stream) else { return false }
        waiting.append(stream)
        return true
    }

    func isUnderWay(_ stream: UInt16) -> Bool {
        waiting.contains(stream) || request?.streams.contains(stream) == true
    }

    /// Asks for those that are through, if no request is under way (RFC 6525 section 5.1.1).
    /// `last`: the newest TSN that was sent; `isQuiet`: all up to it has arrived.
    ///
    /// It waits until all has arrived: usrsctp performs a request that overtook data only when a later chunk comes, and
    /// there may be none. True when nothing new may be sent until then, since other streams let it wait too long.
    mutating func proceed(now: Instant, timeout: Interval, last: TSN, isQuiet: Bool, isBusy: (UInt16) -> Bool) -> Bool {
        guard request == nil, !waiting.isEmpty else { return false }
        let streams = waiting.filter { !isBusy($0) }.prefix(Limits.streamsPerReset)
        guard !streams.isEmpty else { return false }
        guard isQuiet else {
            if readySince == nil { readySince = now }
            return now - (readySince ?? now) >= Limits.resetPatience
        }
        readySince = nil
        waiting.removeAll { streams.contains($0) }
        request = Request(
            sequence: nextSequence, streams: Array(streams), last: last, resendsAt: now + timeout)
        nextSequence &+= 1
        owesRequest = true
        return false
    }

    // MARK: The peer's

    /// `cumulative`: all chunks up to it have come.
    mutating func receive(_ range: ByteRange, in packet: RawSpan, cumulative: TSN) throws(ParseError) -> Effects {
        var effects = Effects()
        var walker = ParameterWalker(range, in: packet)
        while let parameter = try walker.next() {
            let start = parameter.value.start
            guard parameter.value.count >= 8 || parameter.type != ParameterType.response else { throw .truncated }
            if parameter.type == ParameterType.response {
                finish(packet.uint32(at: start), packet.uint32(at: start + 4), &effects)
                continue
            }
            guard parameter.value.count >= 4 else { throw .truncated }
            let sequence = packet.uint32(at: start)
            // One that came before is answered as before, and one that waits once it is performed.
            let isRepeated = sequence == peerSequence
            guard isRepeated || sequence == peerSequence &+ 1 else {
                owesResponse = (sequence, Result.badSequence)
                continue
            }
            if !isRepeated {
                deferred = nil
                peerResult = try judge(parameter, in: packet, cumulative: cumulative, &effects)
                peerSequence = sequence
            }
            if deferred == nil { owesResponse = (sequence, peerResult) }
        }
        return effects
    }

    /// The peer's streams whose reset waited for data that is there now.
    mutating func takeDeferred(cumulative: TSN) -> [UInt16]? {
        guard let request = deferred, !request.last.isNewer(than: cumulative) else { return nil }
        deferred = nil
        peerResult = Result.performed
        owesResponse = (peerSequence, peerResult)
        return request.streams
    }

    /// *Deviation:* a request that has to wait is not answered with "in progress" but once it is performed. usrsctp
    /// would not ask again after that answer, and take none for it.
    private mutating func judge(
        _ parameter: Parameter, in packet: RawSpan, cumulative: TSN, _ effects: inout Effects
    ) throws(ParseError) -> UInt32 {
        guard parameter.type == ParameterType.outgoingReset else { return Result.denied }
        let value = parameter.value
        guard value.count >= 12, value.count % 2 == 0 else { throw .badLength }
        let last = TSN(packet.uint32(at: value.start + 8))
        let streams = stride(from: value.start + 12, to: value.end, by: 2).map { packet.uint16(at: $0) }
        guard !last.isNewer(than: cumulative) else {
            deferred = (last, streams)
            return Result.inProgress
        }
        effects.inbound = streams
        return Result.performed
    }

    private mutating func finish(_ sequence: UInt32, _ result: UInt32, _ effects: inout Effects) {
        guard let sent = request, sent.sequence == sequence, result != Result.inProgress else { return }
        // Refused or not: the peer will say nothing else, and the stream is of no use to the channel any more.
        request = nil
        owesRequest = false
        effects.outbound += sent.streams
    }

    // MARK: Writing

    mutating func write(_ writer: inout PacketWriter) {
        let response = owesResponse
        let request = owesRequest ? request : nil
        let answered = peerSequence
        owesResponse = nil
        owesRequest = false
        writer.write(ChunkType.reconfiguration) { writer in
            if let response {
                writer.writeParameter(ParameterType.response) { writer in
                    writer.write(response.sequence)
                    writer.write(response.result)
                }
            }
            guard let request else { return }
            writer.writeParameter(ParameterType.outgoingReset) { writer in
                writer.write(request.sequence)
                writer.write(answered)
                writer.write(request.last.rawValue)
                for stream in request.streams { writer.write(stream) }
            }
        }
    }
}
