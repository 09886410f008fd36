import Wire

/// Looks at the records of a datagram before OpenSSL does (RFC 6347 section 4.1).
///
/// Until the handshake has made keys, whoever can forge the peer's address can send records, and OpenSSL lets
/// several kinds of them kill a handshake. The filter lets through only what the peer's role can send at all
/// and what is consistent in itself:
///
/// - Unencrypted alerts go nowhere. A real one, too, is only heard as silence, and the handshake times out.
///   Deviation from RFC 6347 section 4.1.2.7, which leaves the choice.
/// - Handshake messages in the clear end where encrypted ones begin.
/// - Handshake fragments must fit their message and their message ``Limits``; none may be empty.
/// - Unencrypted records are numbered anew. Their numbers are not authenticated (RFC 6347 section 4.1.2.6), but
///   OpenSSL keeps a replay window of them, which one forged high number would move past all real ones. Real
///   duplicates are recognised by their message numbers.
struct RecordFilter {
    private enum ContentType {
        static let changeCipherSpec: UInt8 = 20
        static let alert: UInt8 = 21
        static let handshake: UInt8 = 22
        static let applicationData: UInt8 = 23
    }

    private static let headerSize = 13
    private static let handshakeHeaderSize = 12

    /// Handshake types that the peer may send unencrypted (RFC 5246 section 7.4, RFC 6347 section 4.3.2).
    private let plainHandshakeTypes: [UInt8]
    private var sequence: UInt64 = 0
    /// False once the peer's next message must be encrypted. What still comes in the clear is a duplicate, or a
    /// forged "next message" at which OpenSSL would give up.
    var expectsPlainHandshake = true

    init(role: Role) {
        plainHandshakeTypes =
            switch role {
            // HelloRequest (0) is left out: it asks for a renegotiation.
            case .client: [2, 3, 11, 12, 13, 14, 22]
            case .server: [1, 11, 15, 16]
            }
    }

    /// The records that may pass, as one datagram; never empty. Throws why the last of the others did not, when
    /// none may pass.
    mutating func filter(_ datagram: RawSpan) throws(DropReason) -> [UInt8] {
        guard datagram.byteCount > 0 else { throw .emptyDatagram }
        guard datagram.byteCount <= Limits.receivedDatagramSize else { throw .oversizedDatagram }
        var passed: [UInt8] = []
        var reason = DropReason.dtlsMalformed
        var offset = 0
        var records = 0
        while datagram.byteCount - offset >= Self.headerSize {
            guard records < Limits.recordsPerDatagram else {
                reason = .dtlsOverLimit
                break
            }
            records += 1
            let end = offset + Self.headerSize + Int(datagram.uint16(at: offset + 11))
            guard end <= datagram.byteCount else { break }
            let record = datagram.extracting(offset..<end)
            offset = end
            if let refusal = refusal(of: record) {
                reason = refusal
                continue
            }
            let start = passed.count
            passed.append(contentsOf: record.copied())
            if record.uint16(at: 3) == 0 { renumber(&passed, at: start) }
        }
        guard !passed.isEmpty else { throw reason }
        return passed
    }

    private func refusal(of record: RawSpan) -> DropReason? {
        let type = record.uint8(at: 0)
        let version = record.uint16(at: 1)
        let epoch = record.uint16(at: 3)
        // ClientHello comes with 1.0's number (RFC 6347 section 4.2.1).
        guard version == 0xFEFD || version == 0xFEFF, record.byteCount > Self.headerSize else { return .dtlsMalformed }
        guard (ContentType.changeCipherSpec...ContentType.applicationData).contains(type) else { return .dtlsMalformed }
        // Epoch 1 is encrypted: OpenSSL drops what it cannot authenticate. There is no renegotiation to a second.
        guard epoch == 0 else { return epoch == 1 ? nil : .dtlsMalformed }
        switch type {
        case ContentType.alert: return .dtlsUnauthenticatedAlert
        case ContentType.applicationData: return .applicationDataUnsupported
        case ContentType.changeCipherSpec:
            return record.byteCount == Self.headerSize + 1 && record.uint8(at: Self.headerSize) == 1
                ? nil : .dtlsMalformed
        default:
            guard isConsistentHandshake(record) else { return .dtlsMalformed }
            return expectsPlainHandshake ? nil : .dtlsUnexpected
        }
    }

    /// Whether the record holds nothing but whole fragments (RFC 6347 section 4.2.2).
    private func isConsistentHandshake(_ record: RawSpan) -> Bool {
        var offset = Self.headerSize
        while offset < record.byteCount {
            guard record.byteCount - offset >= Self.handshakeHeaderSize else { return false }
            let typeAndLength = record.uint32(at: offset)
            let length = Int(typeAndLength & 0xFF_FFFF)
            let fragmentOffset = Int(record.uint32(at: offset + 5) & 0xFF_FFFF)
            let fragmentLength = Int(record.uint32(at: offset + 8) & 0xFF_FFFF)
            guard plainHandshakeTypes.contains(UInt8(truncatingIfNeeded: typeAndLength >> 24)),
                length <= Limits.handshakeMessageSize, fragmentOffset + fragmentLength <= length,
                fragmentLength > 0 || length == 0,
                fragmentLength <= record.byteCount - offset - Self.handshakeHeaderSize
            else { return false }
            offset += Self.handshakeHeaderSize + fragmentLength
        }
        return true
    }

    private mutating func renumber(_ bytes: inout [UInt8], at start: Int) {
        for position in 0..<6 {
            bytes[start + 5 + position] = UInt8(truncatingIfNeeded: sequence >> UInt64(40 - 8 * position))
        }
        sequence = (sequence &+ 1) & 0xFFFF_FFFF_FFFF
    }
}
