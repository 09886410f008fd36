/// Boxes of ISO/IEC 14496-12 section 4.2 in memory. Never reads past the end.
struct BoxReader {
    struct Box {
        var type: String
        var start: Int
        /// Behind size and type.
        var body: Int
        var end: Int
    }

    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func uint32(_ position: Int) -> UInt32? {
        guard position >= 0, position + 4 <= bytes.count else { return nil }
        return bytes[position..<(position + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }

    func uint64(_ position: Int) -> UInt64? {
        guard let high = uint32(position), let low = uint32(position + 4) else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }

    func type(_ position: Int) -> String? {
        guard position >= 0, position + 4 <= bytes.count else { return nil }
        return String(decoding: bytes[position..<(position + 4)], as: UTF8.self)
    }

    /// The boxes of a part; those behind one that is broken are left out.
    func children(from begin: Int, to end: Int? = nil) -> [Box] {
        var boxes: [Box] = []
        var position = begin
        let end = min(end ?? bytes.count, bytes.count)
        while position + 8 <= end, let size = uint32(position).map(Int.init), let type = type(position + 4) {
            guard size >= 8, size <= end - position else { break }
            boxes.append(Box(type: type, start: position, body: position + 8, end: position + size))
            position += size
        }
        return boxes
    }

    func slice(_ box: Box) -> [UInt8] { Array(bytes[box.start..<box.end]) }
}

/// Writes boxes with 32-bit sizes.
struct BoxWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: UInt32) {
        for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func append(_ value: UInt64) {
        append(UInt32(truncatingIfNeeded: value >> 32))
        append(UInt32(truncatingIfNeeded: value))
    }

    mutating func append(_ more: [UInt8]) { bytes += more }

    mutating func append(_ text: String) { bytes += Array(text.utf8) }

    mutating func box(_ type: String, _ content: (inout BoxWriter) -> Void) {
        let start = bytes.count
        append(UInt32(0))
        append(type)
        content(&self)
        var size = BoxWriter()
        size.append(UInt32(truncatingIfNeeded: bytes.count - start))
        bytes.replaceSubrange(start..<(start + 4), with: size.bytes)
    }

    /// A box with version and flags of 0 and a number of entries.
    mutating func list(_ type: String, count: Int, _ content: (inout BoxWriter) -> Void) {
        box(type) { output in
            output.append(UInt32(0))
            output.append(UInt32(truncatingIfNeeded: count))
            content(&output)
        }
    }
}
