package import RTP
package import Wire

/// One RTP stream that a publisher sends: an encoding of its video, or its audio.
@safe package final class PublishedStream {
    package let kind: MediaKind
    /// ``LoadPayload/stream``.
    let stream: UInt8
    package let ssrc: UInt32
    package let rtxSSRC: UInt32
    package let payloadType: UInt8
    /// nil when no RTX was agreed on.
    let rtxPayloadType: UInt8?
    let clockRate: UInt32
    let mid: HeaderExtensionValue?
    let rid: HeaderExtensionValue?
    let extensions: ExtensionIDs
    private let publisher: UInt16
    private let run: UInt32
    private var sizes: FrameSizes?
    /// In place of verifiable contents.
    private var clip: ClipTrack?

    private var progress: Progress
    private var rtxSequence: SequenceNumber
    private var pictureID: UInt16
    private let timestampBase: UInt32
    private let began: Instant
    private var isKeyFrameWanted = true

    /// Plain packets by their sequence number's low bits, for retransmission.
    private let cache: UnsafeMutableRawBufferPointer
    private var cached: [CachedPacket]

    /// What every packet moves on, in one place: each look at an object's property has its price.
    private struct Progress: BitwiseCopyable {
        var number: UInt64 = 0
        var sequence: SequenceNumber
        var packetCount: UInt32 = 0
        var octetCount: UInt32 = 0
        var sentInWindow: UInt64 = 0
    }

    /// Of the next packet, from 0.
    package var number: UInt64 { progress.number }
    package var packetCount: UInt32 { progress.packetCount }
    package var octetCount: UInt32 { progress.octetCount }
    /// Packets whose send time lies in the window.
    package var sentInWindow: UInt64 { progress.sentInWindow }

    struct CachedPacket: BitwiseCopyable {
        var sequence = SequenceNumber(0)
        var length: Int32 = 0
        var payloadStart: Int32 = 0
    }

    package convenience init(
        _ section: ClientSection, run: UInt32, encoding: Int, rid: String?, sizes: FrameSizes?,
        generation: Int = 0, random: inout SeededRandom, now: Instant
    ) throws(LoadError) {
        try self.init(
            section, run: run, encoding: encoding, rid: rid, sizes: sizes, clip: nil, generation: generation,
            random: &random, now: now)
    }

    init(
        _ section: ClientSection, run: UInt32, encoding: Int, rid: String?, sizes: FrameSizes?, clip: ClipTrack?,
        generation: Int = 0, random: inout SeededRandom, now: Instant
    ) throws(LoadError) {
        guard let codec = section.parameters.codecs.first else { throw LoadError("the server agreed on no codec") }
        let known = rid == nil ? section.parameters.encodings.first : nil
        kind = section.kind
        stream =
            UInt8(truncatingIfNeeded: generation & 0x0F) << 4
            | (section.kind == .audio ? LoadPayload.audioStream : UInt8(encoding))
        ssrc = known?.ssrc ?? max(1, UInt32(truncatingIfNeeded: random.next()))
        rtxSSRC = known?.rtxSSRC ?? max(1, UInt32(truncatingIfNeeded: random.next()))
        payloadType = codec.payloadType
        rtxPayloadType = codec.rtxPayloadType
        clockRate = codec.clockRate
        mid = HeaderExtensionValue(section.mid)
        self.rid = rid.flatMap { HeaderExtensionValue($0) }
        extensions = ExtensionIDs(section.parameters)
        publisher = UInt16(section.publisher)
        self.run = run
        self.sizes = sizes
        self.clip = clip
        progress = Progress(sequence: SequenceNumber(UInt16(truncatingIfNeeded: random.next())))
        rtxSequence = SequenceNumber(UInt16(truncatingIfNeeded: random.next()))
        pictureID = UInt16(truncatingIfNeeded: random.next()) & 0x7FFF
        timestampBase = UInt32(truncatingIfNeeded: random.next())
        began = now
        unsafe cache = .allocate(byteCount: Limits.retransmissionCache * Self.slotSize, alignment: 64)
        cached = Array(repeating: CachedPacket(), count: Limits.retransmissionCache)
    }

    deinit { unsafe cache.deallocate() }

    /// Bytes of a cached packet at most.
    private static let slotSize = 1_536

    package func wantKeyFrame() { isKeyFrameWanted = true }

    /// Begins the frame that was captured at `now`; its packets are those of ``makePacket``, in order.
    package func beginFrame(now: Instant) -> OpenFrame {
        let timestamp = timestamp(at: now)
        if clip != nil { return beginClipFrame(timestamp) }
        guard kind == .video, let next = sizes?.next(isKeyFrameWanted: isKeyFrameWanted) else {
            return OpenFrame(
                isKeyFrame: false, plan: FramePlan(packets: 1, base: FrameSizes.audioPacket), timestamp: timestamp,
                pictureID: 0)
        }
        isKeyFrameWanted = false
        pictureID = (pictureID &+ 1) & 0x7FFF
        return OpenFrame(isKeyFrame: next.isKeyFrame, plan: next.plan, timestamp: timestamp, pictureID: pictureID)
    }

    /// A frame that cannot be cut into packets has none.
    private func beginClipFrame(_ timestamp: UInt32) -> OpenFrame {
        try? clip?.advance(fromKeyFrame: kind == .video && isKeyFrameWanted)
        isKeyFrameWanted = false
        return OpenFrame(
            isKeyFrame: kind == .video && clip?.isFirst == true,
            plan: FramePlan(packets: clip?.payloads.count ?? 0, base: 0), timestamp: timestamp, pictureID: 0)
    }

    private func timestamp(at now: Instant) -> UInt32 {
        timestampBase &+ UInt32(truncatingIfNeeded: (now - began).microseconds * Int64(clockRate) / 1_000_000)
    }

    package struct OpenFrame: BitwiseCopyable {
        package var isKeyFrame: Bool
        package var plan: FramePlan
        var timestamp: UInt32
        var pictureID: UInt16
    }

    /// Writes packet `index` of `frame` to the beginning of `packet`, and keeps it for retransmission.
    ///
    /// - Returns: its length.
    package func makePacket(
        _ index: Int, of frame: OpenFrame, transportSequence: UInt16, now: Instant, window: MeasurementWindow,
        into packet: inout MutableRawSpan
    ) throws(ParseError) -> Int {
        var progress = progress
        let header = RTPHeader(
            payloadType: payloadType, marker: kind == .video && index == frame.plan.packets - 1,
            sequenceNumber: progress.sequence, timestamp: frame.timestamp, ssrc: ssrc)
        var writer = try RTPHeaderWriter(header, into: &packet)
        if let mid, extensions.mid != 0 { writer.append(id: extensions.mid, mid, into: &packet) }
        if let rid, extensions.rid != 0 { writer.append(id: extensions.rid, rid, into: &packet) }
        if extensions.transportSequence != 0 {
            writer.append(id: extensions.transportSequence, transportSequence, into: &packet)
        }
        let start = writer.finish(into: &packet)
        let end =
            try clip?.write(index, into: &packet, at: start)
            ?? writePayload(index, of: frame, number: progress.number, now: now, into: &packet, at: start)
        keep(packet.bytes.extracting(0..<end), progress.sequence, payloadStart: start)
        progress.number &+= 1
        progress.sequence = progress.sequence.advanced(by: 1)
        progress.packetCount &+= 1
        progress.octetCount &+= UInt32(end - start)
        if window.contains(now.nanoseconds) { progress.sentInWindow &+= 1 }
        self.progress = progress
        return end
    }

    /// Writes verifiable contents from `start` on; returns where they end.
    private func writePayload(
        _ index: Int, of frame: OpenFrame, number: UInt64, now: Instant, into packet: inout MutableRawSpan,
        at start: Int
    ) -> Int {
        let end = start + frame.plan.byteCount(of: index)
        let content =
            kind == .audio
            ? MediaFraming.writeOpus(into: &packet, at: start)
            : MediaFraming.writeVP8(
                into: &packet, at: start, isFirst: index == 0, isKeyFrame: frame.isKeyFrame, pictureID: frame.pictureID,
                frameBytes: frame.plan.byteCount, size: Self.pictureSize(stream & 0x0F))
        LoadPayload(run: run, publisher: publisher, stream: stream, number: number, sentAt: now.nanoseconds)
            .write(into: &packet, content, end)
        return end
    }

    private static func pictureSize(_ stream: UInt8) -> (width: UInt16, height: UInt16) {
        switch stream {
        case 0: (640, 360)
        case 1: (960, 540)
        default: (1280, 720)
        }
    }

    private func keep(_ packet: RawSpan, _ sequence: SequenceNumber, payloadStart: Int) {
        guard packet.byteCount <= Self.slotSize else { return }
        let slot = Int(sequence.rawValue) & (Limits.retransmissionCache - 1)
        unsafe packet.withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress, let base = unsafe cache.baseAddress else { return }
            unsafe (base + slot * Self.slotSize).copyMemory(from: source, byteCount: bytes.count)
        }
        cached[slot] = CachedPacket(
            sequence: sequence, length: Int32(packet.byteCount), payloadStart: Int32(payloadStart))
    }

    /// Writes the packet that was asked for again to the beginning of `packet`: as RTX where that was agreed on,
    /// else as it was.
    ///
    /// - Returns: its length, and whether it is a repetition on the same SSRC; nil when it is not there any more.
    package func makeRetransmission(
        of wanted: SequenceNumber, into packet: inout MutableRawSpan
    ) -> (length: Int, isRepeat: Bool)? {
        let slot = Int(wanted.rawValue) & (Limits.retransmissionCache - 1)
        let entry = cached[slot]
        guard entry.length > 0, entry.sequence == wanted else { return nil }
        let start = slot * Self.slotSize
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: cache[start..<(start + Int(entry.length))])
        packet.store(contentsOf: unsafe RawSpan(_unsafeBytes: bytes), at: 0)
        guard let rtxPayloadType else { return (Int(entry.length), true) }
        guard let header = try? RTPHeader(parsing: packet.bytes.extracting(0..<Int(entry.length))),
            let length = try? RTX.encapsulate(
                &packet, header: header, payloadType: rtxPayloadType, ssrc: rtxSSRC, sequenceNumber: rtxSequence)
        else { return nil }
        rtxSequence = rtxSequence.advanced(by: 1)
        // RFC 8852 section 4.3: of an encoding by rid, RTX names what it repairs.
        if rid != nil { renameRID(header, in: &packet) }
        return (length, false)
    }

    private func renameRID(_ header: RTPHeader, in packet: inout MutableRawSpan) {
        guard extensions.rid != 0, extensions.repairedRID != 0,
            let value = header.headerExtension(id: extensions.rid, in: packet.bytes)
        else { return }
        let at = value.lowerBound - 1
        packet.store(extensions.repairedRID << 4 | packet.bytes.uint8(at: at) & 0x0F, at: at)
    }

    package func senderReport(now: Instant, wall: UInt64) -> SenderReport {
        SenderReport(
            ssrc: ssrc, ntp: NTPTimestamp(now, unixOffset: Instant(nanoseconds: wall) - now),
            rtpTimestamp: timestamp(at: now),
            packetCount: packetCount, octetCount: octetCount)
    }
}

/// The negotiated ids of the extensions that the generator knows; 0 for none.
package struct ExtensionIDs: Sendable, BitwiseCopyable {
    package var mid: UInt8 = 0
    var rid: UInt8 = 0
    var repairedRID: UInt8 = 0
    package var transportSequence: UInt8 = 0

    package init(_ parameters: RTPParameters) {
        for known in parameters.headerExtensions {
            switch known.uri {
            case HeaderExtensionURI.mid: mid = known.id
            case HeaderExtensionURI.rid: rid = known.id
            case HeaderExtensionURI.repairedRid: repairedRID = known.id
            case HeaderExtensionURI.transportWideCC: transportSequence = known.id
            default: break
            }
        }
    }
}
