import Wire

/// Builds packets, each within a size that the path carries.
struct PacketWriter: Sendable {
    private var writer: ByteWriter
    private let header: PacketHeader
    /// Bytes of a packet at most.
    let size: Int

    init(_ header: PacketHeader, size: Int) {
        self.header = header
        self.size = size
        writer = ByteWriter(capacity: size)
        writer.write(header.sourcePort)
        writer.write(header.destinationPort)
        writer.write(header.verificationTag)
        writer.write(UInt32(0))
    }

    var isEmpty: Bool { writer.count == PacketHeader.length }
    /// Bytes that a further chunk may have, its header included.
    var room: Int { max(size - writer.count, 0) }

    /// The packet with its checksum.
    consuming func finish() -> [UInt8] {
        let checksum = unsafe CRC32C.checksum(of: writer.bytes.span.bytes)
        writer.patch(UInt16(truncatingIfNeeded: checksum >> 16), at: PacketHeader.checksumOffset)
        writer.patch(UInt16(truncatingIfNeeded: checksum), at: PacketHeader.checksumOffset + 2)
        return writer.bytes
    }

    // MARK: Chunks

    /// `content` writes what is behind the chunk's header.
    mutating func write(_ type: UInt8, flags: UInt8 = 0, _ content: (inout ByteWriter) -> Void = { _ in }) {
        let start = writer.count
        writer.write(type)
        writer.write(flags)
        writer.write(UInt16(0))
        content(&writer)
        writer.patch(UInt16(truncatingIfNeeded: writer.count - start), at: start + 2)
        writer.padToWord()
    }

    mutating func write(_ chunk: DataChunk, payload: [UInt8].SubSequence) {
        var flags: UInt8 = 0
        if chunk.isLast { flags |= 1 }
        if chunk.isFirst { flags |= 2 }
        if chunk.isUnordered { flags |= 4 }
        if chunk.isUrgent { flags |= 8 }
        write(ChunkType.data, flags: flags) { writer in
            writer.write(chunk.tsn.rawValue)
            writer.write(chunk.stream)
            writer.write(chunk.sequence)
            writer.write(chunk.payloadProtocol)
            writer.write(payload)
        }
    }

    /// INIT or INIT ACK; with `cookie` in the latter.
    mutating func write(_ type: UInt8, _ chunk: InitiationChunk, cookie: [UInt8]?, unrecognised: [[UInt8]] = []) {
        write(type) { writer in
            writer.write(chunk.tag)
            writer.write(chunk.window)
            writer.write(chunk.outboundStreams)
            writer.write(chunk.inboundStreams)
            writer.write(chunk.firstTSN.rawValue)
            if let cookie { writer.writeParameter(Parameter.stateCookie) { $0.write(cookie) } }
            writer.writeParameter(Parameter.supportedExtensions) { writer in
                writer.write(ChunkType.reconfiguration)
                writer.write(ChunkType.forwardTSN)
            }
            writer.writeParameter(Parameter.forwardTSNSupported) { _ in }
            for bytes in unrecognised { writer.writeParameter(Parameter.unrecognised) { $0.write(bytes) } }
        }
    }

    /// `gaps` and `duplicates` as far as they fit.
    mutating func writeSelectiveAck(
        cumulative: TSN, window: UInt32, gaps: [ClosedRange<Int>], duplicates: [TSN]
    ) {
        let places = max((room - 16) / 4, 0)
        let gaps = gaps.prefix(places)
        let duplicates = duplicates.prefix(places - gaps.count)
        write(ChunkType.selectiveAck) { writer in
            writer.write(cumulative.rawValue)
            writer.write(window)
            writer.write(UInt16(truncatingIfNeeded: gaps.count))
            writer.write(UInt16(truncatingIfNeeded: duplicates.count))
            for gap in gaps {
                writer.write(UInt16(truncatingIfNeeded: gap.lowerBound))
                writer.write(UInt16(truncatingIfNeeded: gap.upperBound))
            }
            for tsn in duplicates { writer.write(tsn.rawValue) }
        }
    }

    mutating func writeForwardTSN(_ cumulative: TSN, streams: [(stream: UInt16, sequence: UInt16)]) {
        let streams = streams.prefix(max((room - 8) / 4, 0))
        write(ChunkType.forwardTSN) { writer in
            writer.write(cumulative.rawValue)
            for entry in streams {
                writer.write(entry.stream)
                writer.write(entry.sequence)
            }
        }
    }
}

extension ByteWriter {
    /// A parameter with its padding; `content` writes its value.
    mutating func writeParameter(_ type: UInt16, _ content: (inout ByteWriter) -> Void) {
        let start = count
        write(type)
        write(UInt16(0))
        content(&self)
        patch(UInt16(truncatingIfNeeded: count - start), at: start + 2)
        padToWord()
    }
}
