/// A whole message of one stream.
public struct Message: Hashable, Sendable {
    public var stream: UInt16
    /// RFC 8831 section 8: what the bytes are.
    public var payloadProtocol: UInt32
    public var bytes: [UInt8]

    public init(stream: UInt16, payloadProtocol: UInt32, bytes: [UInt8]) {
        self.stream = stream
        self.payloadProtocol = payloadProtocol
        self.bytes = bytes
    }
}

/// Makes messages of the pieces that arrive, and hands ordered ones over in the order of their stream
/// (RFC 9260 sections 6.5, 6.6 and 6.9). Its owner bounds what is kept by ``used``, and the streams by what was agreed.
struct Reassembly: Sendable {
    /// Pieces of one message that follow each other without a hole.
    private struct Run: Sendable {
        var first: Int64
        var chunk: DataChunk
        var pieces: [[UInt8]]
        var byteCount: Int
        /// It begins with the message's first piece, and ends with its last.
        var isFirst: Bool
        var isLast: Bool

        var last: Int64 { first + Int64(pieces.count) - 1 }

        func isSameMessage(as other: DataChunk) -> Bool {
            chunk.stream == other.stream && chunk.isUnordered == other.isUnordered
                && (chunk.isUnordered || chunk.sequence == other.sequence)
        }
    }

    private struct Stream: Sendable {
        /// The next message to hand over.
        var next: UInt16 = 0
        /// Whole ones that came before it, by how far they are ahead.
        var waiting: [(sequence: UInt16, message: Message, cost: Int)] = []
    }

    /// Rising, apart or of different messages.
    private var runs: [Run] = []
    private var streams: [Stream] = []
    /// Messages to be handed over.
    private(set) var ready: [Message] = []
    /// Of the receive window: bytes that wait, and what keeping them costs.
    private(set) var used = 0

    /// The message that this piece belongs to would be too long.
    func isTooLong(_ chunk: DataChunk, count: Int, at number: Int64) -> Bool {
        let index = firstRun(endingAtOrAfter: number - 1)
        guard index < runs.count, runs[index].last == number - 1, runs[index].isSameMessage(as: chunk) else {
            return count > Limits.messageLength
        }
        return runs[index].byteCount + count > Limits.messageLength
    }

    mutating func takeReady() -> [Message] {
        let messages = ready
        ready = []
        return messages
    }

    /// A piece that arrived for the first time.
    mutating func insert(_ chunk: DataChunk, _ bytes: [UInt8], at number: Int64) {
        if chunk.isFirst, chunk.isLast { return complete(chunk, bytes) }
        used += bytes.count + Limits.pieceOverhead
        var index = firstRun(endingAtOrAfter: number - 1)
        if index < runs.count, runs[index].last == number - 1, joins(runs[index], chunk) {
            runs[index].pieces.append(bytes)
            runs[index].byteCount += bytes.count
            runs[index].isLast = chunk.isLast
        } else {
            if index < runs.count, runs[index].last < number { index += 1 }
            let run = Run(
                first: number, chunk: chunk, pieces: [bytes], byteCount: bytes.count, isFirst: chunk.isFirst,
                isLast: chunk.isLast)
            runs.insert(run, at: index)
        }
        if index + 1 < runs.count, runs[index + 1].first == runs[index].last + 1,
            joins(runs[index], runs[index + 1].chunk)
        {
            let run = runs.remove(at: index + 1)
            runs[index].pieces.append(contentsOf: run.pieces)
            runs[index].byteCount += run.byteCount
            runs[index].isLast = run.isLast
        }
        guard runs[index].isFirst, runs[index].isLast else { return }
        let run = runs.remove(at: index)
        used -= run.byteCount + run.pieces.count * Limits.pieceOverhead
        // `joined()` would go byte by byte.
        var whole: [UInt8] = []
        whole.reserveCapacity(run.byteCount)
        for piece in run.pieces { whole.append(contentsOf: piece) }
        complete(run.chunk, whole)
    }

    /// The piece, or the first one of a run, goes on with the run's message.
    private func joins(_ run: Run, _ next: DataChunk) -> Bool {
        !run.isLast && !next.isFirst && run.isSameMessage(as: next)
    }

    /// All bytes of a message have come; `chunk` is any of its pieces.
    private mutating func complete(_ chunk: DataChunk, _ bytes: [UInt8]) {
        let message = Message(stream: chunk.stream, payloadProtocol: chunk.payloadProtocol, bytes: bytes)
        guard !chunk.isUnordered else { return ready.append(message) }
        let stream = reach(chunk.stream)
        let cost = bytes.count + Limits.pieceOverhead
        let ahead = chunk.sequence &- streams[stream].next
        if ahead != 0 {
            let place = streams[stream].waiting.firstIndex { $0.sequence &- streams[stream].next > ahead }
            streams[stream].waiting.insert(
                (chunk.sequence, message, cost), at: place ?? streams[stream].waiting.count)
            used += cost
            return
        }
        ready.append(message)
        streams[stream].next &+= 1
        release(stream)
    }

    /// What waited for the message before it.
    private mutating func release(_ stream: Int) {
        var count = 0
        for entry in streams[stream].waiting {
            guard entry.sequence == streams[stream].next else { break }
            ready.append(entry.message)
            used -= entry.cost
            streams[stream].next &+= 1
            count += 1
        }
        streams[stream].waiting.removeFirst(count)
    }

    private mutating func reach(_ stream: UInt16) -> Int {
        while streams.count <= Int(stream) { streams.append(Stream()) }
        return Int(stream)
    }

    // MARK: What does not come

    /// Pieces up to `number` are given up.
    mutating func forward(to number: Int64) {
        var kept = 0
        for index in runs.indices {
            guard runs[index].first <= number else {
                runs.swapAt(kept, index)
                kept += 1
                continue
            }
            used -= runs[index].byteCount + runs[index].pieces.count * Limits.pieceOverhead
        }
        runs.removeLast(runs.count - kept)
    }

    /// Messages of an ordered stream up to that one are given up; those that are whole are handed over.
    mutating func skip(stream: UInt16, through sequence: UInt16) {
        let stream = reach(stream)
        let steps = Int16(bitPattern: sequence &- streams[stream].next)
        guard steps >= 0 else { return }
        var count = 0
        for entry in streams[stream].waiting {
            guard Int16(bitPattern: entry.sequence &- sequence) <= 0 else { break }
            ready.append(entry.message)
            used -= entry.cost
            count += 1
        }
        streams[stream].waiting.removeFirst(count)
        streams[stream].next = sequence &+ 1
        release(stream)
    }

    /// The peer numbers the stream's messages from 0 again (RFC 6525 section 5.2.2).
    mutating func reset(stream: UInt16) {
        let stream = reach(stream)
        for entry in streams[stream].waiting { used -= entry.cost }
        streams[stream] = Stream()
    }

    private func firstRun(endingAtOrAfter number: Int64) -> Int {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
