public import Wire

/// Watches what all processes of a call send and receive, from outside and by its own means, for two things that must
/// never happen:
///
/// - I9: SRTP to a path without consent (RFC 7675). A path has it for thirty seconds after an answer to a STUN request
///   that was sent on it; towards a peer of an ICE lite agent, after an authenticated request from there.
/// - I12: two different packets under one SRTP index of one key and SSRC (RFC 3711 section 9.1). Repeating the very
///   same packet is no harm, and what a sender does for a peer that takes no RTX. SSRCs are unique in a call, so that
///   they stand for their keys.
public final class MediaMonitor {
    /// What was seen that must not be, in order; at most ``limit``.
    public private(set) var violations: [String] = []
    public private(set) var violationCount = 0
    /// SRTP and SRTCP packets that were looked at.
    public private(set) var packets: UInt64 = 0
    private static let limit = 32

    /// RFC 7675 section 5.1.
    private static let consent = Interval.seconds(30)

    private struct Path: Hashable {
        var local: SocketAddress
        var remote: SocketAddress
    }

    private struct PathState {
        /// Nil for a path that never had it.
        var until: Instant?
        /// Transactions that an answer may belong to, the latest last.
        var asked: [UInt64] = []
    }

    private struct Source: Hashable {
        var process: Int
        var ssrc: UInt32
        /// Of RTCP, whose sender may be the same to several peers.
        var remote: SocketAddress?
    }

    private var paths: [PathState] = []
    private var pathNumbers: [Path: Int] = [:]
    private var streams: [IndexHistory] = []
    private var streamNumbers: [Source: Int] = [:]
    /// Numbers that were asked for lately, at places by their addresses and SSRCs, because every packet asks.
    private var recentPaths = [(path: Path, number: Int)?](repeating: nil, count: recent)
    private var recentStreams = [(source: Source, number: Int)?](repeating: nil, count: recent)
    private static let recent = 256
    private var lastRTCP: [Source: UInt32] = [:]

    public init() {}

    /// A process is about to send a datagram.
    public func sends(_ bytes: [UInt8], from local: SocketAddress, to remote: SocketAddress, process: Int, now: Instant)
    {
        guard let first = bytes.first else { return }
        if first < 4 { return noteRequest(bytes, Path(local: local, remote: remote)) }
        guard (128...191).contains(first), bytes.count >= 12 else { return }
        packets += 1
        if paths[number(of: Path(local: local, remote: remote))].until.map({ $0 < now }) ?? true {
            report("I9 media to \(remote) from \(local) without consent", now)
        }
        if (192...223).contains(bytes[1]) {
            checkRTCP(bytes, Source(process: process, ssrc: Self.word(bytes, 4), remote: remote), now)
        } else {
            checkRTP(bytes, Source(process: process, ssrc: Self.word(bytes, 8), remote: nil), now)
        }
    }

    /// A process got a datagram. `isLite`: it is an ICE lite agent, to which requests are consent.
    public func receives(
        _ bytes: [UInt8], at local: SocketAddress, from remote: SocketAddress, isLite: Bool, now: Instant
    ) {
        guard let first = bytes.first, first < 4, bytes.count >= 20 else { return }
        let path = number(of: Path(local: local, remote: remote))
        let type = UInt16(first) << 8 | UInt16(bytes[1])
        if type == 0x0101, paths[path].asked.contains(Self.transaction(bytes)) {
            paths[path].until = now + Self.consent
        } else if type == 0x0001, isLite {
            paths[path].until = now + Self.consent
        }
    }

    private func noteRequest(_ bytes: [UInt8], _ path: Path) {
        guard bytes.count >= 20, bytes[0] == 0, bytes[1] == 1 else { return }
        let number = number(of: path)
        if paths[number].asked.count >= 32 { paths[number].asked.removeFirst() }
        paths[number].asked.append(Self.transaction(bytes))
    }

    private func number(of path: Path) -> Int {
        let ports = UInt64(path.remote.port ^ path.local.port)
        let place = Int(truncatingIfNeeded: path.remote.ip.low &* 31 ^ ports) & 0xFF
        if let known = recentPaths[place], known.path == path { return known.number }
        let number = pathNumbers[path] ?? paths.count
        if number == paths.count {
            paths.append(PathState())
            pathNumbers[path] = number
        }
        recentPaths[place] = (path, number)
        return number
    }

    private func number(of source: Source) -> Int {
        let place = Int(truncatingIfNeeded: source.ssrc & 0xFF)
        if let known = recentStreams[place], known.source == source { return known.number }
        let number = streamNumbers[source] ?? streams.count
        if number == streams.count {
            streams.append(IndexHistory())
            streamNumbers[source] = number
        }
        recentStreams[place] = (source, number)
        return number
    }

    private func checkRTP(_ bytes: [UInt8], _ source: Source, _ now: Instant) {
        let sequence = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        // The tag, which depends on every byte, and without cryptography at least what tells packets apart.
        let sample = Self.doubleWord(bytes, 0) ^ Self.doubleWord(bytes, bytes.count - 8) &* 31 ^ UInt64(bytes.count)
        if !streams[number(of: source)].admits(sequence, sample) {
            report("I12 two packets under one index: SSRC \(source.ssrc), sequence \(sequence)", now)
        }
    }

    private func checkRTCP(_ bytes: [UInt8], _ source: Source, _ now: Instant) {
        // The profiles of a simulated call are AEAD: the index is the last word (RFC 7714 section 9).
        let index = Self.word(bytes, bytes.count - 4) & 0x7FFF_FFFF
        if let last = lastRTCP[source], index <= last {
            report("I12 SRTCP index \(index) after \(last): SSRC \(source.ssrc)", now)
        }
        lastRTCP[source] = index
    }

    func report(_ text: String, _ now: Instant) {
        violationCount += 1
        guard violations.count < Self.limit else { return }
        violations.append("\(now.nanoseconds / 1_000_000) ms: \(text)")
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8 | UInt32(bytes[at + 3])
    }

    private static func doubleWord(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        UInt64(word(bytes, at)) << 32 | UInt64(word(bytes, at + 4))
    }

    private static func transaction(_ bytes: [UInt8]) -> UInt64 { doubleWord(bytes, 12) }
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
