import Wire

/// One element of an extension block: its negotiated id and where its data lies in the packet.
public struct HeaderExtensionElement: Hashable, Sendable, BitwiseCopyable {
    public var id: UInt8
    /// From the packet's first byte.
    public var offset: Int
    /// Bytes; 0 only in the two-byte form.
    public var length: Int

    public var range: Range<Int> { offset..<(offset + length) }
}

/// Walks the elements of an RTP header extension (RFC 8285) without allocating.
///
/// A lying length ends the walk; the elements before it stand, as RFC 8285 section 4.2 asks.
public struct HeaderExtensions: Sendable, BitwiseCopyable {
    /// Profile of the one-byte form (RFC 8285 section 4.2).
    public static let oneByteProfile: UInt16 = 0xBEDE
    /// Profile of the two-byte form; its low four bits are free for applications (section 4.3).
    public static let twoByteProfile: UInt16 = 0x1000

    private let isTwoByte: Bool
    private var offset: Int
    private var end: Int
    /// True once an element claimed more bytes than the block has, or a reserved id was met.
    public private(set) var isMalformed = false

    public init(_ header: RTPHeader) {
        isTwoByte = header.extensionProfile & 0xFFF0 == Self.twoByteProfile
        let isKnown = isTwoByte || header.extensionProfile == Self.oneByteProfile
        offset = header.extensionRange.lowerBound
        end = isKnown ? header.extensionRange.upperBound : offset
    }

    /// The next element of the packet that the header was parsed from; nil at the end.
    public mutating func next(in packet: RawSpan) -> HeaderExtensionElement? {
        guard end <= packet.byteCount else { return stop() }
        while offset < end {
            let first = packet.uint8(at: offset)
            // A zero byte between elements is padding (sections 4.2 and 4.3).
            guard first != 0 else {
                offset += 1
                continue
            }
            return isTwoByte ? twoByteElement(id: first, in: packet) : oneByteElement(first)
        }
        return nil
    }

    private mutating func oneByteElement(_ first: UInt8) -> HeaderExtensionElement? {
        let id = first >> 4
        // Section 4.2: id 15 ends the processing, and so does id 0 with a length.
        guard id != 15, id != 0 else { return stop() }
        let start = offset + 1
        let length = Int(first & 0x0F) + 1
        guard end - start >= length else { return stop() }
        offset = start + length
        return HeaderExtensionElement(id: id, offset: start, length: length)
    }

    private mutating func twoByteElement(id: UInt8, in packet: RawSpan) -> HeaderExtensionElement? {
        guard end - offset >= 2 else { return stop() }
        let start = offset + 2
        let length = Int(packet.uint8(at: offset + 1))
        guard end - start >= length else { return stop() }
        offset = start + length
        return HeaderExtensionElement(id: id, offset: start, length: length)
    }

    private mutating func stop() -> HeaderExtensionElement? {
        isMalformed = true
        end = offset
        return nil
    }
}

extension RTPHeader {
    /// Where the data of the first element with this id lies, or nil. `id` 0 is never found.
    public func headerExtension(id: UInt8, in packet: RawSpan) -> Range<Int>? {
        var elements = HeaderExtensions(self)
        while let element = elements.next(in: packet) {
            if element.id == id { return element.range }
        }
        return nil
    }
}
