import RTP
import Testing
import Wire

/// Hex text (spaces allowed) to bytes.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func header(_ bytes: [UInt8]) throws(ParseError) -> RTPHeader { try RTPHeader(parsing: bytes.span.bytes) }

/// All packets of a compound; a malformed one throws.
func packets(_ bytes: [UInt8]) throws(ParseError) -> [RTCPPacket] {
    var compound = try CompoundPacket(bytes.span.bytes)
    var list: [RTCPPacket] = []
    while let packet = try compound.next() { list.append(packet) }
    return list
}

func refusal(_ bytes: [UInt8]) -> ParseError? {
    do {
        _ = try packets(bytes)
        return nil
    } catch {
        return error
    }
}

func feedback(_ bytes: [UInt8]) throws -> TransportFeedback {
    guard case .transportFeedback(let feedback)? = try packets(bytes).first else {
        throw ParseError.badHeader
    }
    return feedback
}

func statuses(_ feedback: TransportFeedback, _ bytes: [UInt8]) -> [TransportFeedback.Status] {
    var walk = feedback.statuses
    var list: [TransportFeedback.Status] = []
    while let status = walk.next(in: bytes.span.bytes) { list.append(status) }
    return list
}

func at(milliseconds: Int64) -> Instant { Instant.origin + .milliseconds(milliseconds) }

// `#expect` cannot hold a span: the same accessors over arrays.

extension RTPHeader {
    func headerExtension(id: UInt8, in packet: [UInt8]) -> Range<Int>? {
        headerExtension(id: id, in: packet.span.bytes)
    }
}

extension SenderReport {
    func report(at index: Int, in bytes: [UInt8]) -> ReportBlock { report(at: index, in: bytes.span.bytes) }
}

extension ReceiverReport {
    func report(at index: Int, in bytes: [UInt8]) -> ReportBlock { report(at: index, in: bytes.span.bytes) }
}

extension SourceDescription {
    func cname(of ssrc: UInt32, in bytes: [UInt8]) -> Range<Int>? { cname(of: ssrc, in: bytes.span.bytes) }
}

extension Goodbye {
    func source(at index: Int, in bytes: [UInt8]) -> UInt32 { source(at: index, in: bytes.span.bytes) }
}

extension MaximumBitrate {
    func source(at index: Int, in bytes: [UInt8]) -> UInt32 { source(at: index, in: bytes.span.bytes) }
}

func isRTCP(_ bytes: [UInt8]) -> Bool { RTCPType.isRTCP(bytes.span.bytes) }
