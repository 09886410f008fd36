import RTP
import Wire

// The bytes of a subscriber's copy.

extension Router {
    /// What makes a packet a subscriber's copy, or its retransmission.
    struct Copy: BitwiseCopyable {
        var slot: Int
        var position: HeaderRewriter.Position
        var payloadType: UInt8
        var number: SequenceNumber
        var ssrc: UInt32
        /// Bytes of padding behind the payload.
        var padding: UInt8 = 0
        /// Of the packet on the peer's transport.
        var transportNumber: UInt16?
        /// It goes out as RTX, with the original number before its payload.
        var original: SequenceNumber?

        init(slot: Int, position: HeaderRewriter.Position, ssrc: UInt32, format: Subscriber.FormatMapping) {
            self.slot = slot
            self.position = position
            self.ssrc = ssrc
            payloadType = format.output
            number = SequenceNumber(UInt16(truncatingIfNeeded: position.sequence))
        }

        /// Takes the next number of the subscriber's RTX stream.
        mutating func becomeRTX(of rewriter: UnsafeMutablePointer<HeaderRewriter>, payloadType: UInt8) {
            unsafe rewriter.pointee.rtxSequence &+= 1
            original = number
            ssrc = unsafe rewriter.pointee.rtxSSRC
            number = SequenceNumber(unsafe rewriter.pointee.rtxSequence)
            self.payloadType = payloadType
        }
    }

    /// Header, extensions, and the payload with its descriptor's counters rewritten; behind the original
    /// number when it goes out as RTX.
    @inline(__always)
    func write(
        _ copy: Copy, _ forward: Forward, _ packet: RawSpan, into output: inout MutableRawSpan
    ) throws(DropReason) -> Int {
        let position = copy.position
        let marker = position.isFiller ? false : position.span.marker(of: forward)
        let header = RTPHeader(
            payloadType: copy.payloadType, marker: marker, sequenceNumber: copy.number,
            timestamp: position.timestamp, ssrc: copy.ssrc)
        var length = try writeHeader(header, copy, forward, packet, into: &output)
        let payload = forward.payloadRange
        let skip = copy.original == nil ? 0 : RTX.overhead
        // One byte for a picture id that grows.
        guard output.byteCount - length >= payload.count + skip + 1 + Int(copy.padding) else {
            throw .oversizedDatagram
        }
        if let original = copy.original {
            output.store(original.rawValue, at: length)
            length += skip
        }
        guard !position.isFiller else {
            // Nothing but padding, which an RTX packet need not have: its payload is not empty.
            return copy.original == nil ? Self.pad(1, at: length, in: &output) : length
        }
        let start = length
        length = Self.writePayload(forward, packet.extracting(payload), position.span, at: start, into: &output)
        if let redundancy = forward.redundancy {
            let type = subscribers[copy.slot].knownFormat(of: redundancy.payloadType)?.output
            redundancy.setPayloadTypes(type ?? redundancy.payloadType, at: start, in: &output)
        }
        return copy.padding > 0 ? Self.pad(copy.padding, at: length, in: &output) : length
    }

    /// An RTX packet for an original of which nothing is left.
    func writeEmpty(_ copy: Copy, into output: inout MutableRawSpan) throws(DropReason) -> Int {
        let header = RTPHeader(
            payloadType: copy.payloadType, marker: false, sequenceNumber: copy.number,
            timestamp: copy.position.timestamp, ssrc: copy.ssrc)
        let form: RTPHeaderWriter.Form = subscribers[copy.slot].usesLargeIDs ? .twoByte : .oneByte
        var writer = try beginHeader(header, form, copy, sentAt: now, into: &output)
        let length = writer.finish(into: &output)
        guard let original = copy.original, output.byteCount - length >= RTX.overhead else { throw .oversizedDatagram }
        output.store(original.rawValue, at: length)
        return length + RTX.overhead
    }

    /// RFC 3550 section 5.1: the last byte counts the padding, itself included.
    private static func pad(_ count: UInt8, at offset: Int, in output: inout MutableRawSpan) -> Int {
        let end = offset + Int(count)
        for index in offset..<(end - 1) { output.store(UInt8(0), at: index) }
        output.store(count, at: end - 1)
        let first = output.bytes.uint8(at: 0)
        output.store(first | 0x20, at: 0)
        return end
    }

    @inline(__always)
    private func writeHeader(
        _ header: RTPHeader, _ copy: Copy, _ forward: Forward, _ packet: RawSpan, into output: inout MutableRawSpan
    ) throws(DropReason) -> Int {
        let form: RTPHeaderWriter.Form = needsTwoBytes(copy, forward, packet) ? .twoByte : .oneByte
        // The arrival, which for the first copy is now: a plain retransmission then repeats the packet byte for byte,
        // as its repeated SRTP index demands (RFC 3711 section 9.1).
        var writer = try beginHeader(header, form, copy, sentAt: forward.arrival, into: &output)
        // An empty packet has nothing that the rest could describe.
        guard !copy.position.isFiller else { return writer.finish(into: &output) }
        var elements = HeaderExtensions(forward.header)
        while let element = elements.next(in: packet) {
            let id = subscribers[copy.slot].extensionID(of: element.id)
            guard id != 0 else { continue }
            if element.id == forward.frame.dependenciesID, let descriptor = forward.frame.dependencies {
                let span = copy.position.span
                Self.write(descriptor, packet.extracting(element.range), span, id: id, &writer, into: &output)
            } else {
                writer.append(id: id, packet.extracting(element.range), into: &output)
            }
        }
        return writer.finish(into: &output)
    }

    /// The fixed header and the extensions of ours.
    @inline(__always)
    private func beginHeader(
        _ header: RTPHeader, _ form: RTPHeaderWriter.Form, _ copy: Copy, sentAt: Instant,
        into output: inout MutableRawSpan
    ) throws(DropReason) -> RTPHeaderWriter {
        let slot = copy.slot
        var writer: RTPHeaderWriter
        do { writer = try RTPHeaderWriter(header, form: form, into: &output) } catch { throw .oversizedDatagram }
        if let mid = subscribers[slot].midValue {
            writer.append(id: subscribers[slot].midExtensionID, mid, into: &output)
        }
        if let rid = subscribers[slot].ridValue {
            let repaired = subscribers[slot].repairedRidExtensionID
            let id = copy.original != nil && repaired != 0 ? repaired : subscribers[slot].ridExtensionID
            writer.append(id: id, rid, into: &output)
        }
        let sendTimeID = subscribers[slot].sendTimeExtensionID
        if sendTimeID != 0 {
            let time = NTPTimestamp(sentAt, unixOffset: .zero).absoluteSendTime
            writer.append(id: sendTimeID, uint24: time, into: &output)
        }
        if let number = copy.transportNumber {
            writer.append(id: subscribers[slot].transportSequenceID, number, into: &output)
        }
        return writer
    }

    private static func write(
        _ descriptor: DependencyDescriptor, _ original: RawSpan, _ span: RewritingSpan, id: UInt8,
        _ writer: inout RTPHeaderWriter, into output: inout MutableRawSpan
    ) {
        let mask = activeTargets(descriptor, span)
        let count = descriptor.rewrittenLength(withActiveTargets: mask != nil)
        guard let offset = writer.reserve(id: id, count: count, into: &output) else { return }
        descriptor.write(
            original, frameNumber: descriptor.frameNumber &+ span.frame, activeTargets: mask, to: &output, at: offset)
    }

    /// The active decode targets that the copy tells; nil when it tells what the original does.
    private static func activeTargets(_ descriptor: DependencyDescriptor, _ span: RewritingSpan) -> UInt32? {
        guard span.tellsActiveTargets, descriptor.startsFrame else { return nil }
        return descriptor.rewrittenLength(withActiveTargets: true) <= 255 ? span.activeTargets : nil
    }

    /// Some element does not suit the one-byte form (RFC 8285 section 4.2).
    @inline(__always)
    private func needsTwoBytes(_ copy: Copy, _ forward: Forward, _ packet: RawSpan) -> Bool {
        if subscribers[copy.slot].usesLargeIDs { return true }
        let isTwoByte = forward.header.extensionProfile & 0xFFF0 == HeaderExtensions.twoByteProfile
        let grows = copy.position.span.tellsActiveTargets && forward.frame.dependencies != nil
        guard isTwoByte || grows else { return false }
        var elements = HeaderExtensions(forward.header)
        while let element = elements.next(in: packet) {
            guard subscribers[copy.slot].extensionID(of: element.id) != 0 else { continue }
            var count = element.range.count
            if element.id == forward.frame.dependenciesID, let descriptor = forward.frame.dependencies {
                let mask = Self.activeTargets(descriptor, copy.position.span)
                count = descriptor.rewrittenLength(withActiveTargets: mask != nil)
            }
            if count == 0 || count > HeaderExtensionValue.capacity { return true }
        }
        return false
    }

    /// The payload, with picture id, TL0PICIDX and KEYIDX of this output; returns where it ends.
    private static func writePayload(
        _ forward: Forward, _ payload: RawSpan, _ span: RewritingSpan, at start: Int,
        into output: inout MutableRawSpan
    ) -> Int {
        let frame = forward.frame
        let flags = frame.flags
        let at = Int(frame.pictureOffset)
        var growth = 0
        if flags.contains(.hasPictureID), !flags.contains(.hasLongPictureID) {
            // All picture ids go out with 15 bits, so that they can go on from any source.
            output.store(contentsOf: payload.extracting(0..<at), at: start)
            output.store(contentsOf: payload.extracting((at + 1)..<payload.byteCount), at: start + at + 2)
            growth = 1
        } else {
            output.store(contentsOf: payload, at: start)
        }
        if flags.contains(.hasPictureID) { output.store((frame.picture &+ span.picture) | 0x8000, at: start + at) }
        if flags.contains(.hasBaseIndex), frame.baseOffset > 0 {
            output.store(frame.baseIndex &+ span.base, at: start + Int(frame.baseOffset) + growth)
        }
        if flags.contains(.hasKeyIndex), frame.keyOffset > 0 {
            let place = Int(frame.keyOffset)
            let other = payload.uint8(at: place) & 0xE0
            output.store(other | (frame.keyIndex &+ span.key) & 0x1F, at: start + place + growth)
        }
        return start + payload.byteCount + growth
    }
}
