import Wire

/// What a ``MediaMonitor`` knows.
struct MediaWatch {
    private(set) var violations: [String] = []
    private(set) var violationCount = 0
    private(set) var packets: UInt64 = 0
    private static let limit = 32

    /// RFC 7675 section 5.1.
    private static let consent = Interval.seconds(30)

    struct Path: Hashable, BitwiseCopyable {
        var local: SocketAddress
        var remote: SocketAddress
    }

    private struct Source: Hashable, BitwiseCopyable {
        var process: Int
        var ssrc: UInt32
        /// Of RTCP, whose sender may be the same to several peers.
        var remote: SocketAddress?
    }

    /// Until when a path has consent; the origin for one that never had it.
    private var consents: [Instant] = []
    /// Of each path, transactions that an answer may belong to, the latest last.
    private var asked: [[UInt64]] = []
    private var paths = Numbering<Path>()
    private var streams: [IndexHistory] = []
    private var sources = Numbering<Source>()
    private var lastRTCP: [Source: UInt32] = [:]

    mutating func sends(_ bytes: RawSpan, _ path: Path, process: Int, now: Instant) {
        guard bytes.byteCount > 0 else { return }
        let first = bytes.uint8(at: 0)
        if first < 4 { return noteRequest(bytes, path) }
        guard first >> 6 == 2, bytes.byteCount >= 12 else { return }
        packets += 1
        let until = consents[number(of: path)]
        if until == .origin || until < now {
            report("I9 media to \(path.remote) from \(path.local) without consent", now)
        }
        if (192...223).contains(bytes.uint8(at: 1)) {
            checkRTCP(bytes, Source(process: process, ssrc: bytes.uint32(at: 4), remote: path.remote), now)
        } else {
            checkRTP(bytes, Source(process: process, ssrc: bytes.uint32(at: 8), remote: nil), now)
        }
    }

    /// A STUN message of at least a header.
    mutating func receives(_ bytes: RawSpan, _ path: Path, isLite: Bool, now: Instant) {
        let path = number(of: path)
        let type = bytes.uint16(at: 0)
        if type == 0x0101, asked[path].contains(Self.transaction(bytes)) {
            consents[path] = now + Self.consent
        } else if type == 0x0001, isLite {
            consents[path] = now + Self.consent
        }
    }

    private mutating func noteRequest(_ bytes: RawSpan, _ path: Path) {
        guard bytes.byteCount >= 20, bytes.uint16(at: 0) == 1 else { return }
        let number = number(of: path)
        if asked[number].count >= 32 { asked[number].removeFirst() }
        asked[number].append(Self.transaction(bytes))
    }

    private mutating func number(of path: Path) -> Int {
        let ports = UInt64(path.remote.port ^ path.local.port)
        let number = paths.number(of: path, near: Int(truncatingIfNeeded: path.remote.ip.low &* 31 ^ ports))
        if number == consents.count {
            consents.append(.origin)
            asked.append([])
        }
        return number
    }

    private mutating func checkRTP(_ bytes: RawSpan, _ source: Source, _ now: Instant) {
        let sequence = bytes.uint16(at: 2)
        // The tag, which depends on every byte, and without cryptography at least what tells packets apart.
        let sample = bytes.uint64(at: 0) ^ bytes.uint64(at: bytes.byteCount - 8) &* 31 ^ UInt64(bytes.byteCount)
        let number = sources.number(of: source, near: Int(source.ssrc))
        if number == streams.count { streams.append(IndexHistory()) }
        if !streams[number].admits(sequence, sample) {
            report("I12 two packets under one index: SSRC \(source.ssrc), sequence \(sequence)", now)
        }
    }

    private mutating func checkRTCP(_ bytes: RawSpan, _ source: Source, _ now: Instant) {
        // The profiles of a simulated call are AEAD: the index is the last word (RFC 7714 section 9).
        let index = bytes.uint32(at: bytes.byteCount - 4) & 0x7FFF_FFFF
        if let last = lastRTCP[source], index <= last {
            report("I12 SRTCP index \(index) after \(last): SSRC \(source.ssrc)", now)
        }
        lastRTCP[source] = index
    }

    mutating func report(_ text: String, _ now: Instant) {
        violationCount += 1
        guard violations.count < Self.limit else { return }
        violations.append("\(now.nanoseconds / 1_000_000) ms: \(text)")
    }

    /// The last eight bytes of its identifier.
    private static func transaction(_ bytes: RawSpan) -> UInt64 { bytes.uint64(at: 12) }
}

/// Numbers from zero for what is seen the first time. Those that were asked for lately lie at places of their own,
/// because every packet asks.
private struct Numbering<Key: Hashable & BitwiseCopyable> {
    private struct Recent: BitwiseCopyable {
        var key: Key
        var number: Int
    }

    private var numbers: [Key: Int] = [:]
    private var recent: [Recent?] = Array(repeating: nil, count: 256)

    /// - Parameter hint: says in its lowest byte where the key lies.
    mutating func number(of key: Key, near hint: Int) -> Int {
        let place = hint & 0xFF
        if let known = recent[place], known.key == key { return known.number }
        let number = numbers[key] ?? numbers.count
        numbers[key] = number
        recent[place] = Recent(key: key, number: number)
        return number
    }
}

/// The packets that went out last under the indices of one SSRC.
struct IndexHistory {
    private static let size = 2_048
    private var highest: Int64?
    /// Index plus one, and what was sent under it.
    private var entries = [(index: Int64, sample: UInt64)](repeating: (0, 0), count: size)

    /// False for an index that another packet has had, or that is too old to tell.
    mutating func admits(_ sequence: UInt16, _ sample: UInt64) -> Bool {
        let index: Int64
        if let highest {
            index = highest + Int64(Int16(bitPattern: sequence &- UInt16(truncatingIfNeeded: highest)))
        } else {
            index = Int64(sequence) + 0x1_0000
        }
        if let highest, highest - index >= Self.size { return false }
        highest = max(highest ?? index, index)
        let slot = Int(index % Int64(Self.size))
        if entries[slot].index == index + 1 { return entries[slot].sample == sample }
        entries[slot] = (index + 1, sample)
        return true
    }
}
