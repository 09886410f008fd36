package import RTP
import Wire

/// Watches over one section of one subscriber: that every payload in it is whole, is the right publisher's, came once,
/// and that the RTP around it is one valid stream.
package struct StreamVerifier: Sendable {
    private let run: UInt32
    private let publisher: UInt16
    private let kind: MediaKind
    private let checksumInterval: Int

    /// Numbers by generation and encoding, four to a generation; audio is the first of its.
    var numbers: [NumberWindow] = []
    /// What has come may come again, over another connection.
    var toleratesRepeats = false
    private var untilChecksum = 1
    private var unwrapper = SequenceUnwrapper()
    /// The newest media packet.
    private var newest: (sequence: Int64, number: UInt64, stream: UInt8, timestamp: UInt32)?
    /// Sequence numbers since then that carried padding alone.
    private var paddingSince: Int64 = 0

    package init(run: UInt32, publisher: UInt16, kind: MediaKind, checksumInterval: Int) {
        self.run = run
        self.publisher = publisher
        self.kind = kind
        self.checksumInterval = max(1, checksumInterval)
    }

    /// How a packet came.
    package enum Origin: Hashable, BitwiseCopyable {
        case media
        /// By RTX, or again on its own SSRC after it was asked for.
        case repair
    }

    /// A packet without payload: it takes a sequence number (RFC 3550 section 5.1, libwebrtc's probes).
    package mutating func receivePadding(_ header: RTPHeader) {
        let last = unwrapper.newest
        if let last, unwrapper.unwrap(header.sequenceNumber) > last { paddingSince += 1 }
    }

    /// Takes one packet whose payload lies in `header.payloadRange` of `packet`.
    ///
    /// - Returns: when it was sent, if it was new and right.
    package mutating func receive(
        _ packet: RawSpan, header: RTPHeader, origin: Origin, window: MeasurementWindow,
        counters: inout VerificationCounters
    ) -> UInt64? {
        untilChecksum -= 1
        let verifies = untilChecksum <= 0
        if verifies { untilChecksum = checksumInterval }
        guard let payload = read(packet, header, verifies: verifies, &counters) else { return nil }
        guard payload.run == run, payload.publisher == publisher, isExpected(payload.encoding) else {
            // A flipped bit may look like another's packet: only a whole one is somebody's.
            if verifies || read(packet, header, verifies: true, &counters) != nil { counters.misdelivered &+= 1 }
            return nil
        }
        let isInWindow = window.contains(payload.sentAt)
        follow(header, payload, origin, isInWindow: isInWindow, &counters)
        let encoding = payload.encoding == LoadPayload.audioStream ? 0 : Int(payload.encoding)
        let place = payload.generation * 4 + encoding
        while numbers.count <= place { numbers.append(NumberWindow()) }
        switch numbers[place].insert(payload.number) {
        case .new: break
        case .before:
            if origin == .repair || toleratesRepeats {
                counters.redundantRepairs &+= 1
            } else {
                counters.duplicated &+= 1
            }
            return nil
        case .forgotten:
            counters.sequenceErrors &+= 1
            return nil
        }
        let bytes = UInt64(header.payloadRange.count)
        counters.totalDelivered &+= 1
        counters.totalBytes &+= bytes
        if isInWindow {
            counters.delivered &+= 1
            counters.deliveredBytes &+= bytes
            if origin == .repair { counters.repaired &+= 1 }
        }
        return payload.sentAt
    }

    private func isExpected(_ stream: UInt8) -> Bool {
        kind == .audio ? stream == LoadPayload.audioStream : Int(stream) < SectionLayout.rids.count
    }

    private func read(
        _ packet: RawSpan, _ header: RTPHeader, verifies: Bool, _ counters: inout VerificationCounters
    ) -> LoadPayload? {
        let range = header.payloadRange
        guard range.upperBound <= packet.byteCount,
            let start = MediaFraming.payloadStart(kind, packet, range),
            case .whole(let payload) = LoadPayload.parse(packet, start, range.upperBound, verifiesChecksum: verifies)
        else {
            counters.corrupt &+= 1
            return nil
        }
        if verifies { counters.verified &+= 1 }
        return payload
    }

    /// Holds sequence numbers and timestamps against the contents: what the publisher sent in a row must be numbered
    /// in a row, unless the server went over to another encoding.
    private mutating func follow(
        _ header: RTPHeader, _ payload: LoadPayload, _ origin: Origin, isInWindow: Bool,
        _ counters: inout VerificationCounters
    ) {
        let sequence = unwrapper.unwrap(header.sequenceNumber)
        guard let last = newest, sequence <= last.sequence else {
            if let last = newest { advance(last, sequence, header, payload, isInWindow, &counters) }
            newest = (sequence, payload.number, payload.stream, header.timestamp)
            paddingSince = 0
            return
        }
        if isInWindow { counters.gapsFilled &+= 1 }
        guard last.stream == payload.stream else { return }
        let steps = last.sequence - sequence
        // Padding between them is not remembered, so that only contents that are too far off are an error.
        let numbers = Int64(bitPattern: last.number &- payload.number)
        if numbers > steps || numbers < 0 { counters.sequenceErrors &+= 1 }
    }

    private func advance(
        _ last: (sequence: Int64, number: UInt64, stream: UInt8, timestamp: UInt32), _ sequence: Int64,
        _ header: RTPHeader, _ payload: LoadPayload, _ isInWindow: Bool, _ counters: inout VerificationCounters
    ) {
        let steps = sequence - last.sequence - min(paddingSince, sequence - last.sequence - 1)
        if isInWindow { counters.gapsOpened &+= UInt64(steps - 1) }
        // RFC 3550 section 5.1: timestamps follow the sampling instants, which are in order without B frames.
        if Int32(bitPattern: header.timestamp &- last.timestamp) < 0 { counters.timestampErrors &+= 1 }
        guard last.stream == payload.stream else { return }
        if Int64(bitPattern: payload.number &- last.number) != steps { counters.sequenceErrors &+= 1 }
    }
}
