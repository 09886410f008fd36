import Wire

/// SDES (RFC 3550 section 6.5): chunks of items; only CNAME matters here.
public struct SourceDescription: Hashable, Sendable, BitwiseCopyable {
    private static let cnameItem: UInt8 = 1

    public let chunkCount: Int
    private let start: Int
    private let end: Int

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        chunkCount = Int(header.format)
        start = header.content
        end = header.contentEnd
        var offset = start
        for _ in 0..<chunkCount { offset = try chunk(at: offset, in: bytes).end }
    }

    /// Where the CNAME of `ssrc` lies in the compound, or nil.
    public func cname(of ssrc: UInt32, in bytes: RawSpan) -> Range<Int>? {
        var offset = start
        for _ in 0..<chunkCount {
            guard let chunk = try? chunk(at: offset, in: bytes) else { return nil }
            if chunk.ssrc == ssrc { return chunk.cname }
            offset = chunk.end
        }
        return nil
    }

    private func chunk(
        at start: Int, in bytes: RawSpan
    ) throws(ParseError) -> (ssrc: UInt32, cname: Range<Int>?, end: Int) {
        guard end - start >= 4, end <= bytes.byteCount else { throw .truncated }
        let ssrc = bytes.uint32(at: start)
        var cname: Range<Int>?
        var offset = start + 4
        while true {
            guard offset < end else { throw .truncated }
            let item = bytes.uint8(at: offset)
            // A null item ends the chunk, which is padded to a word with nulls.
            if item == 0 { break }
            guard end - offset >= 2 else { throw .truncated }
            let length = Int(bytes.uint8(at: offset + 1))
            guard end - offset - 2 >= length else { throw .badLength }
            if item == Self.cnameItem { cname = (offset + 2)..<(offset + 2 + length) }
            offset += 2 + length
        }
        let next = start + ((offset - start) / 4 + 1) * 4
        guard next <= end else { throw .truncated }
        return (ssrc, cname, next)
    }
}

/// BYE (RFC 3550 section 6.6).
public struct Goodbye: Hashable, Sendable, BitwiseCopyable {
    public let sourceCount: Int
    private let start: Int
    private let reasonStart: Int
    private let reasonLength: Int

    init(_ header: RTCPHeader, in bytes: RawSpan) throws(ParseError) {
        sourceCount = Int(header.format)
        start = header.content
        let rest = header.contentLength - sourceCount * 4
        guard rest >= 0 else { throw .badLength }
        reasonStart = start + sourceCount * 4 + 1
        guard rest > 0 else {
            reasonLength = 0
            return
        }
        // The reason's length byte is the sender's word against the packet's length (CVE-2021-43804).
        reasonLength = Int(bytes.uint8(at: reasonStart - 1))
        guard reasonLength < rest else { throw .badLength }
    }

    /// The leaving source at `index` (0..<sourceCount).
    public func source(at index: Int, in bytes: RawSpan) -> UInt32 {
        precondition(index >= 0 && index < sourceCount)
        return bytes.uint32(at: start + index * 4)
    }

    /// Where the reason's text lies; empty without one.
    public var reason: Range<Int> { reasonStart..<(reasonStart + reasonLength) }
}
