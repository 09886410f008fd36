internal import COpenSSL
import Wire

/// The keys of an association's records: all that is left of it once both sides have finished the handshake. OpenSSL's
/// session, which takes 30 KiB, can go then: what may still come and go are alerts (RFC 5246 section 7.2) and data.
///
/// Only of the suites with AES-128-GCM and SHA-256, which browsers choose.
struct RecordKeys: BitwiseCopyable, Sendable {
    /// What a record that was authenticated says.
    enum Content: Hashable, Sendable {
        case closeNotify
        /// An alert that ends the association.
        case fatalAlert
        case applicationData([UInt8])
        /// A message of the handshake, which is over; a warning.
        case other
    }

    private var readKey: Key
    private var writeKey: Key
    private var readSalt: UInt32
    private var writeSalt: UInt32
    /// Of the next record. OpenSSL has numbered its own from 0; whoever can count to here is not OpenSSL.
    private var sequence: UInt64 = 1 << 32

    /// The newest record that came, and which of the 64 up to it have; bit 0 is the newest.
    private var newest: UInt64 = 0
    private var seen: UInt64 = 0

    private typealias Key = InlineArray<16, UInt8>

    static let headerSize = 13
    /// Bytes of a record beside its data.
    static let overhead = headerSize + nonceSize + tagSize
    private static let nonceSize = 8
    private static let tagSize = 16
    private static let version: UInt16 = 0xFEFD
    private static let alert: UInt8 = 21
    private static let applicationData: UInt8 = 23

    /// Takes the keys out of a session whose handshake is over; nil when its cipher suite is another.
    init?(of ssl: OpaquePointer, role: Role) {
        var block = [UInt8](repeating: 0, count: 40)
        guard unsafe apus_dtls_key_block(ssl, &block) == 1 else { return nil }
        let bytes = unsafe block.span.bytes
        let client = Self.key(bytes, at: 0)
        let server = Self.key(bytes, at: 16)
        let salts = (bytes.uint32(at: 32), bytes.uint32(at: 36))
        readKey = role == .client ? server : client
        writeKey = role == .client ? client : server
        readSalt = role == .client ? salts.1 : salts.0
        writeSalt = role == .client ? salts.0 : salts.1
    }

    private static func key(_ bytes: RawSpan, at offset: Int) -> Key {
        var key = Key(repeating: 0)
        for index in 0..<16 { key[index] = bytes.uint8(at: offset + index) }
        return key
    }

    /// A record with that content; empty of what is never said.
    mutating func seal(_ content: Content) -> [UInt8] {
        var data: [UInt8]
        let type: UInt8
        switch content {
        case .closeNotify: (type, data) = (Self.alert, [1, 0])
        case .applicationData(let bytes): (type, data) = (Self.applicationData, bytes)
        case .fatalAlert, .other: return []
        }
        let number = 1 << 48 | sequence
        sequence += 1
        var record = Self.header(type: type, number: number)
        record.write(UInt16(truncatingIfNeeded: Self.nonceSize + data.count + Self.tagSize))
        record.write(number)
        var tag = [UInt8](repeating: 0, count: Self.tagSize)
        let done = Self.run(seals: true, writeKey, salt: writeSalt, type: type, number: number, &data, &tag)
        return done ? record.bytes + data + tag : []
    }

    /// What a record of epoch 1 says. Throws `dtlsMalformed`, and `dtlsUnexpected` for one that is not the peer's or
    /// came before.
    mutating func open(_ record: RawSpan) throws(DropReason) -> Content {
        guard record.byteCount >= Self.overhead, record.uint16(at: 3) == 1 else { throw .dtlsMalformed }
        let type = record.uint8(at: 0)
        let start = Self.headerSize + Self.nonceSize
        let end = record.byteCount - Self.tagSize
        var data = record.extracting(start..<end).copied()
        var tag = record.extracting(end..<record.byteCount).copied()
        let nonce = record.uint64(at: Self.headerSize)
        let isOpen = Self.run(
            seals: false, readKey, salt: readSalt, nonce: nonce, type: type, number: record.uint64(at: 3), &data, &tag)
        guard isOpen, isFirst(record.uint64(at: 3) & 0xFFFF_FFFF_FFFF) else { throw .dtlsUnexpected }
        switch type {
        case Self.applicationData: return .applicationData(data)
        case Self.alert:
            guard data.count == 2 else { throw .dtlsMalformed }
            if data[1] == 0 { return .closeNotify }
            return data[0] == 2 ? .fatalAlert : .other
        default: return .other
        }
    }

    /// The window against replays (RFC 6347 section 4.1.2.6), of the 64 newest numbers.
    private mutating func isFirst(_ number: UInt64) -> Bool {
        if number > newest {
            seen = number - newest < 64 ? seen << (number - newest) : 0
            seen |= 1
            newest = number
            return true
        }
        guard newest - number < 64 else { return false }
        let bit: UInt64 = 1 << (newest - number)
        guard seen & bit == 0 else { return false }
        seen |= bit
        return true
    }

    private static func header(type: UInt8, number: UInt64) -> ByteWriter {
        var writer = ByteWriter(capacity: 64)
        writer.write(type)
        writer.write(version)
        writer.write(number)
        return writer
    }

    /// RFC 5288 section 3: the nonce is a salt and eight bytes from the record. RFC 5246 section 6.2.3.3 says what is
    /// authenticated with the data; its sequence number is epoch and number (RFC 6347 section 4.1.2.1).
    private static func run(
        seals: Bool, _ key: Key, salt: UInt32, nonce explicit: UInt64? = nil, type: UInt8, number: UInt64,
        _ data: inout [UInt8], _ tag: inout [UInt8]
    ) -> Bool {
        var nonce = ByteWriter(capacity: 12)
        nonce.write(salt)
        nonce.write(explicit ?? number)
        var authenticated = ByteWriter(capacity: 16)
        authenticated.write(number)
        authenticated.write(type)
        authenticated.write(version)
        authenticated.write(UInt16(truncatingIfNeeded: data.count))
        var key = key
        return unsafe withUnsafeBytes(of: &key) { key in
            unsafe apus_dtls_gcm(
                seals ? 1 : 0, key.bindMemory(to: UInt8.self).baseAddress, nonce.bytes, authenticated.bytes, &data,
                CInt(data.count), &tag) == 1
        }
    }
}
