import SRTP
import Testing
import Wire

func hex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func masterKey(_ profile: Profile, seed: UInt8 = 1) throws -> MasterKey {
    try MasterKey(
        profile: profile, key: (0..<profile.keyLength).map { UInt8($0) &* 7 &+ seed },
        salt: (0..<profile.saltLength).map { UInt8($0) &* 13 &+ seed })
}

/// An RTP packet with `csrcs` sources, an extension of `extensionWords` words (nil: none) and a payload.
func rtpPacket(
    ssrc: UInt32, sequence: UInt16, payload: [UInt8], csrcs: Int = 0, extensionWords: Int? = nil
) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(0x80 | csrcs | (extensionWords == nil ? 0 : 0x10)))
    writer.write(UInt8(96))
    writer.write(sequence)
    writer.write(UInt32(sequence) &* 90)
    writer.write(ssrc)
    for source in 0..<csrcs { writer.write(UInt32(source)) }
    if let extensionWords {
        writer.write(UInt16(0xBEDE))
        writer.write(UInt16(extensionWords))
        for word in 0..<extensionWords { writer.write(UInt32(word) &* 0x01020304) }
    }
    writer.write(payload)
    return writer.bytes
}

func rtcpPacket(ssrc: UInt32, body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(0x80))
    writer.write(UInt8(200))
    writer.write(UInt16(body.count / 4 + 1))
    writer.write(ssrc)
    writer.write(body)
    return writer.bytes
}

/// A sender with its state in memory of its own.
final class Sender {
    let state = UnsafeMutablePointer<OutboundState>.allocate(capacity: 1)
    var context: OutboundContext

    init(_ key: MasterKey, backend: Backend = .openSSL) throws {
        context = try OutboundContext(initializing: state, masterKey: key, backend: backend)
    }

    /// A successor that finds the bytes another sender left.
    init(takingOver other: Sender) throws {
        state.initialize(to: other.state.pointee)
        context = try OutboundContext(resuming: state)
    }

    deinit { state.deallocate() }

    func rtp(_ packet: [UInt8], room: Int = 20) throws(DropReason) -> [UInt8] {
        var buffer = packet + [UInt8](repeating: 0xEE, count: room)
        var elements = buffer.mutableSpan
        var span = elements.mutableBytes
        let length = try context.protectRTP(&span, length: packet.count)
        return Array(buffer.prefix(length))
    }

    func repeated(_ packet: [UInt8]) throws(DropReason) -> [UInt8] {
        var buffer = packet + [UInt8](repeating: 0xEE, count: 20)
        var elements = buffer.mutableSpan
        var span = elements.mutableBytes
        let length = try context.protectRepeatedRTP(&span, length: packet.count)
        return Array(buffer.prefix(length))
    }

    func rtcp(_ packet: [UInt8]) throws(DropReason) -> [UInt8] {
        var buffer = packet + [UInt8](repeating: 0xEE, count: 20)
        var elements = buffer.mutableSpan
        var span = elements.mutableBytes
        let length = try context.protectRTCP(&span, length: packet.count)
        return Array(buffer.prefix(length))
    }
}

/// A receiver with its state in memory of its own.
final class Receiver {
    let state = UnsafeMutablePointer<InboundState>.allocate(capacity: 1)
    var context: InboundContext

    init(_ key: MasterKey, backend: Backend = .openSSL) throws {
        context = try InboundContext(initializing: state, masterKey: key, backend: backend)
    }

    init(takingOver other: Receiver) throws {
        state.initialize(to: other.state.pointee)
        context = try InboundContext(resuming: state)
    }

    deinit { state.deallocate() }

    /// The state's bytes, to see that something left them alone.
    var stateBytes: [UInt8] { withUnsafeBytes(of: state.pointee) { Array($0) } }

    func rtp(_ packet: [UInt8]) throws(DropReason) -> [UInt8] {
        var buffer = packet
        var elements = buffer.mutableSpan
        var span = elements.mutableBytes
        let length = try context.unprotectRTP(&span, length: packet.count)
        return Array(buffer.prefix(length))
    }

    func rtcp(_ packet: [UInt8]) throws(DropReason) -> [UInt8] {
        var buffer = packet
        var elements = buffer.mutableSpan
        var span = elements.mutableBytes
        let length = try context.unprotectRTCP(&span, length: packet.count)
        return Array(buffer.prefix(length))
    }
}
