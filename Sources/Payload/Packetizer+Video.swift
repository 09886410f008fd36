import Wire

extension Packetizer {
    /// RFC 7741 section 4.2. *Deviation:* all packets name partition 0, the first alone begins one: to know where the
    /// partitions end, a packetizer would have to decode the header, and nobody uses it.
    mutating func packetizeVP8(_ frame: [UInt8], layer: TemporalLayer?) -> [PacketPayload] {
        // X and, of the extension, I; with layers L and T.
        var descriptor: [UInt8] = [0x80 | (layer?.isNonReference == true ? 0x20 : 0), layer == nil ? 0x80 : 0xE0]
        appendPictureID(to: &descriptor)
        if let layer {
            if layer.index == 0 { baseLayerIndex &+= 1 }
            descriptor.append(baseLayerIndex)
            descriptor.append(layer.index << 6 | (layer.isSync ? 0x20 : 0))
        }
        let pieces = Self.pieces(of: frame.indices, length: payloadLength - descriptor.count)
        return pieces.map { piece in
            var bytes = descriptor
            if piece.lowerBound == 0 { bytes[0] |= 0x10 }
            bytes.append(contentsOf: frame[piece])
            return PacketPayload(bytes: bytes, marker: piece.upperBound == frame.count)
        }
    }

    /// RFC 9628 section 4.2, non-flexible mode, one layer. Receivers of this mode want TL0PICIDX in each packet, and
    /// the scalability structure with its group of pictures in each key picture.
    mutating func packetizeVP9(_ frame: [UInt8]) throws(ParseError) -> [PacketPayload] {
        let header = try unsafe VP9FrameHeader(parsing: frame.span.bytes)
        baseLayerIndex &+= 1
        // I, L; P unless a key picture. TID, U, SID and D are 0.
        var descriptor: [UInt8] = [header.isKeyFrame ? 0xA0 : 0xE0]
        appendPictureID(to: &descriptor)
        descriptor.append(0)
        descriptor.append(baseLayerIndex)
        var structure: [UInt8] = []
        if let size = header.size {
            var writer = ByteWriter(capacity: 8)
            // One layer; Y: its size follows; G: so does the group. The group: one picture, which builds on the one
            // before.
            writer.write(UInt8(0x18))
            writer.write(UInt16(clamping: size.width))
            writer.write(UInt16(clamping: size.height))
            writer.write([1, 0x04, 1])
            structure = writer.bytes
        }
        let pieces = Self.pieces(of: frame.indices, length: payloadLength - descriptor.count - structure.count)
        return pieces.map { piece in
            let (isFirst, isLast) = (piece.lowerBound == 0, piece.upperBound == frame.count)
            var bytes = descriptor
            // B, E and V.
            bytes[0] |= (isFirst ? 0x08 : 0) | (isLast ? 0x04 : 0) | (isFirst && !structure.isEmpty ? 0x02 : 0)
            if isFirst { bytes.append(contentsOf: structure) }
            bytes.append(contentsOf: frame[piece])
            return PacketPayload(bytes: bytes, marker: isLast)
        }
    }

    /// In 15 bits; the next picture gets the next one.
    private mutating func appendPictureID(to descriptor: inout [UInt8]) {
        descriptor.append(UInt8(truncatingIfNeeded: pictureID >> 8) | 0x80)
        descriptor.append(UInt8(truncatingIfNeeded: pictureID))
        pictureID = (pictureID + 1) & 0x7FFF
    }

    /// RFC 6184 in non-interleaved mode (section 6.3): neighbours that fit share a packet (STAP-A, section 5.7.1), so
    /// that parameter sets go with the first slice or by themselves; what does not fit is cut (FU-A, section 5.8).
    func packetizeH264(_ units: [[UInt8]]) -> [PacketPayload] {
        var payloads: [PacketPayload] = []
        var index = 0
        while index < units.count {
            var end = index + 1
            var length = 3 + units[index].count
            while end < units.count, length + 2 + units[end].count <= payloadLength {
                length += 2 + units[end].count
                end += 1
            }
            if end - index > 1 {
                payloads.append(Self.aggregated(units[index..<end]))
            } else if units[index].count <= payloadLength {
                payloads.append(PacketPayload(bytes: units[index], marker: false))
            } else {
                payloads += fragmented(units[index])
            }
            index = end
        }
        if !payloads.isEmpty { payloads[payloads.count - 1].marker = true }
        return payloads
    }

    /// The header says of all: broken if one is (F), as important as the most important (NRI).
    private static func aggregated(_ units: ArraySlice<[UInt8]>) -> PacketPayload {
        let damage = units.reduce(0) { $0 | $1[0] & 0x80 }
        let importance = units.reduce(0) { max($0, $1[0] & 0x60) }
        var writer = ByteWriter(capacity: units.reduce(1) { $0 + $1.count + 2 })
        writer.write(damage | importance | NALUnitType.stapA)
        for unit in units {
            writer.write(UInt16(truncatingIfNeeded: unit.count))
            writer.write(unit)
        }
        return PacketPayload(bytes: writer.bytes, marker: false)
    }

    /// The unit's header byte goes as indicator and header of each fragment.
    private func fragmented(_ unit: [UInt8]) -> [PacketPayload] {
        Self.pieces(of: 1..<unit.count, length: payloadLength - 2).map { piece in
            var bytes: [UInt8] = [unit[0] & 0xE0 | NALUnitType.fuA, unit[0] & 0x1F]
            if piece.lowerBound == 1 { bytes[1] |= 0x80 }
            if piece.upperBound == unit.count { bytes[1] |= 0x40 }
            bytes.append(contentsOf: unit[piece])
            return PacketPayload(bytes: bytes, marker: false)
        }
    }
}
