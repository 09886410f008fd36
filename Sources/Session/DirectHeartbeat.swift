import COpenSSL
public import Wire

/// A worker's word to a controller that it lives, in a UDP datagram: no store is needed for it to arrive.
///
/// ```
///  0  "APHB"                     8  sequence number
///  4  version                   16  the worker's name, its incarnation
///  5  zero                       …  HMAC-SHA1 (RFC 2104) over all before, 20 bytes
///  6  bytes of the name
///  7  bytes of the incarnation
/// ```
///
/// The HMAC's key is drawn by the controller at each start and told by its report in the store: who may read the store
/// may speak for a worker, nobody else. Nothing in the datagram is secret.
public struct DirectHeartbeat: Hashable, Sendable {
    /// How often a worker sends one to each controller. Four may be lost in a row before ``hold`` is over.
    public static let interval = Interval.milliseconds(100)
    /// How long after one a worker is not declared dead.
    public static let hold = Interval.milliseconds(500)

    public var worker: WorkerID
    public var incarnation: String
    /// Only rises within an incarnation, so that what was recorded on the way is worth nothing.
    public var sequence: UInt64

    public init(worker: WorkerID, incarnation: String, sequence: UInt64) {
        self.worker = worker
        self.incarnation = incarnation
        self.sequence = sequence
    }

    /// What is sent; nil when a name has no byte or more than 128.
    public func datagram(key: HeartbeatKey) -> [UInt8]? {
        let names = [Array(worker.rawValue.utf8), Array(incarnation.utf8)]
        guard names.allSatisfy({ Self.nameBytes.contains($0.count) }) else { return nil }
        var writer = ByteWriter(capacity: Self.size(names[0].count + names[1].count))
        writer.write(Self.magic)
        writer.write(Self.version)
        writer.write(0 as UInt8)
        for name in names { writer.write(UInt8(truncatingIfNeeded: name.count)) }
        writer.write(sequence)
        for name in names { writer.write(name) }
        writer.write(key.tag(of: writer.bytes))
        return writer.bytes
    }

    private static let magic: UInt32 = 0x4150_4842
    private static let version: UInt8 = 1
    private static let nameBytes = 1...128
    private static let headerBytes = 16
    /// Sizes that a datagram can have.
    static let datagramBytes = size(2 * nameBytes.lowerBound)...size(2 * nameBytes.upperBound)

    private static func size(_ names: Int) -> Int { headerBytes + names + HeartbeatKey.tagBytes }

    /// Reads a datagram, but for its tag, which ``HeartbeatKey/covers(_:)`` looks at.
    package static func parse(_ datagram: RawSpan) -> Result<DirectHeartbeat, HeartbeatDrop> {
        guard datagramBytes.contains(datagram.byteCount) else { return .failure(.wrongSize) }
        guard datagram.uint32(at: 0) == magic else { return .failure(.foreign) }
        guard datagram.uint16(at: 4) == UInt16(version) << 8 else { return .failure(.wrongVersion) }
        let lengths = (Int(datagram.uint8(at: 6)), Int(datagram.uint8(at: 7)))
        guard nameBytes.contains(lengths.0), nameBytes.contains(lengths.1),
            size(lengths.0 + lengths.1) == datagram.byteCount
        else { return .failure(.wrongSize) }
        guard let worker = name(datagram, at: headerBytes, lengths.0),
            let incarnation = name(datagram, at: headerBytes + lengths.0, lengths.1)
        else { return .failure(.badName) }
        return .success(
            DirectHeartbeat(
                worker: WorkerID(worker), incarnation: incarnation, sequence: datagram.uint64(at: 8)))
    }

    /// Names are visible ASCII, as the store has them.
    private static func name(_ datagram: RawSpan, at offset: Int, _ count: Int) -> String? {
        let bytes = datagram.extracting(offset..<offset + count).copied()
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Why a datagram was not taken for a heartbeat. The raw value is a metric's label.
public enum HeartbeatDrop: String, Hashable, Sendable, CaseIterable, Error {
    /// Too short, too long, or not as long as its names say.
    case wrongSize = "wrong_size"
    /// Something else than a heartbeat.
    case foreign
    case wrongVersion = "wrong_version"
    case badName = "bad_name"
    /// Its number is not above the last one: a copy that came by another address, a late one, or a replay.
    case repeated
    /// Not under this controller's key: of a stranger, or made for its former life.
    case forged
}

/// The key of the heartbeats to one controller. It travels as hexadecimal text in the controller's report; whatever
/// prints it shows nothing.
public struct HeartbeatKey: Hashable, Sendable, Codable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    static let byteCount = 32
    static let tagBytes = 20

    private let bytes: [UInt8]

    /// A fresh one. `generator` must be fit for cryptography, as the system's is.
    public init(using generator: inout some RandomNumberGenerator) {
        bytes = (0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = Hexadecimal.bytes(try container.decode(String.self), count: Self.byteCount) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a key of 32 bytes")
        }
        self.bytes = bytes
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Hexadecimal.text(bytes))
    }

    func tag(of message: [UInt8]) -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        unsafe bytes.withUnsafeBytes { key in
            unsafe message.withUnsafeBytes { message in
                unsafe tag.withUnsafeMutableBufferPointer { tag in
                    unsafe apus_turn_hmac_sha1(
                        key.baseAddress, key.count, message.baseAddress, message.count, tag.baseAddress)
                }
            }
        }
        return tag
    }

    /// Whether the datagram's last bytes are the tag of all before them; in constant time.
    func covers(_ datagram: RawSpan) -> Bool {
        let end = datagram.byteCount - Self.tagBytes
        guard end >= 0 else { return false }
        let own = tag(of: datagram.extracting(0..<end).copied())
        let other = datagram.extracting(end..<datagram.byteCount)
        return unsafe own.withUnsafeBytes { own in
            unsafe other.withUnsafeBytes { other in
                unsafe apus_stun_equal(own.baseAddress, other.baseAddress, own.count) == 1
            }
        }
    }

    public var description: String { "(a key)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
