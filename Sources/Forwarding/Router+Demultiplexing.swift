import RTP
import Wire

// Which stream a packet belongs to.

extension Router {
    /// By announced or latched SSRC, else by MID, else by payload type (RFC 9143 section 9.2); with
    /// several encodings by RID (RFC 8852). What a packet said once holds for its SSRC: senders leave the
    /// extensions out once they are acknowledged.
    mutating func findStream(
        _ header: RTPHeader, _ packet: RawSpan, of endpoint: Int
    ) throws(DropReason) -> Int {
        if let entry = endpoints[endpoint].streams.find(header.ssrc) { return Int(entry.stream) }
        var found = try publisherByMID(header, packet, of: endpoint)
        if found == nil { found = try publisherByType(header, of: endpoint) }
        guard let slot = found else { throw .rtpUnknownStream }
        guard let (_, isRTX) = publishers[slot].format(of: header.payloadType) else { throw .rtpUnknownPayloadType }
        let stream = try encoding(header, packet, isRTX: isRTX, of: slot)
        guard endpoints[endpoint].streams.latch(header.ssrc, stream: stream, isRTX: isRTX) else {
            throw .rtpTooManyStreams
        }
        learned.pushEvictingOldest(
            LearnedStream(endpoint: EndpointIndex(Int32(endpoint)), ssrc: header.ssrc, stream: stream, isRTX: isRTX))
        return Int(stream)
    }

    private func publisherByMID(
        _ header: RTPHeader, _ packet: RawSpan, of endpoint: Int
    ) throws(DropReason) -> Int? {
        var hasMID = false
        for slot in endpoints[endpoint].publishers {
            let id = publishers[Int(slot)].midExtensionID
            guard id != 0, let range = header.headerExtension(id: id, in: packet) else { continue }
            hasMID = true
            if publishers[Int(slot)].isNamed(packet.extracting(range)) { return Int(slot) }
        }
        // A MID that we do not know names a section that is not ours to guess.
        if hasMID { throw .rtpUnknownStream }
        return nil
    }

    private func publisherByType(_ header: RTPHeader, of endpoint: Int) throws(DropReason) -> Int {
        let table = endpoints[endpoint].payloadOwners
        guard Int(header.payloadType) < table.count else { throw .rtpUnknownPayloadType }
        switch table[Int(header.payloadType)] {
        case Endpoint.noOwner: throw .rtpUnknownPayloadType
        case Endpoint.ambiguousOwner: throw .rtpUnknownStream
        case let slot: return Int(slot)
        }
    }

    /// The publisher's only stream, or the one that the packet names.
    private func encoding(
        _ header: RTPHeader, _ packet: RawSpan, isRTX: Bool, of slot: Int
    ) throws(DropReason) -> Int32 {
        guard publishers[slot].streamCount > 1 else { return publishers[slot].streams[0] }
        let repaired = publishers[slot].repairedRidExtensionID
        let id = isRTX && repaired != 0 ? repaired : publishers[slot].ridExtensionID
        guard let range = header.headerExtension(id: id, in: packet),
            let stream = publishers[slot].stream(ofRid: packet.extracting(range))
        else { throw .rtpUnknownStream }
        return stream
    }
}
