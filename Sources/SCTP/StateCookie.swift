import Wire

/// What INIT ACK carries to the peer and COOKIE ECHO brings back: the state that is not kept meanwhile
/// (RFC 9260 section 5.1.3).
///
/// *Deviation:* without a signature and a lifetime, as in libwebrtc. Both protect against peers that are not where they
/// say; DTLS has proved the peer already, and one that forges its own cookie deceives itself.
struct StateCookie: Hashable, Sendable {
    private static let magic: UInt32 = 0x4150_5553
    static let length = 37

    var localTag: UInt32
    var localTSN: TSN
    var peer: PeerParameters
    /// The association's tags at that time, zero when there was none (section 5.2.2).
    var localTieTag: UInt32
    var peerTieTag: UInt32

    init(localTag: UInt32, localTSN: TSN, peer: PeerParameters, localTieTag: UInt32, peerTieTag: UInt32) {
        self.localTag = localTag
        self.localTSN = localTSN
        self.peer = peer
        self.localTieTag = localTieTag
        self.peerTieTag = peerTieTag
    }

    init(parsing range: ByteRange, in packet: RawSpan) throws(ParseError) {
        guard range.count == Self.length else { throw .badLength }
        let start = range.start
        guard packet.uint32(at: start) == Self.magic else { throw .badValue }
        localTag = packet.uint32(at: start + 4)
        localTSN = TSN(packet.uint32(at: start + 8))
        peer = PeerParameters(
            tag: packet.uint32(at: start + 12), firstTSN: TSN(packet.uint32(at: start + 16)),
            window: packet.uint32(at: start + 20), outboundStreams: packet.uint16(at: start + 24),
            inboundStreams: packet.uint16(at: start + 26), forwardsTSN: packet.uint8(at: start + 28) & 1 != 0,
            reconfigures: packet.uint8(at: start + 28) & 2 != 0)
        localTieTag = packet.uint32(at: start + 29)
        peerTieTag = packet.uint32(at: start + 33)
        guard localTag != 0, peer.tag != 0 else { throw .badValue }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.length)
        writer.write(Self.magic)
        writer.write(localTag)
        writer.write(localTSN.rawValue)
        writer.write(peer.tag)
        writer.write(peer.firstTSN.rawValue)
        writer.write(peer.window)
        writer.write(peer.outboundStreams)
        writer.write(peer.inboundStreams)
        writer.write(UInt8((peer.forwardsTSN ? 1 : 0) | (peer.reconfigures ? 2 : 0)))
        writer.write(localTieTag)
        writer.write(peerTieTag)
        return writer.bytes
    }
}

/// What the peer said of itself in INIT or INIT ACK.
struct PeerParameters: Hashable, Sendable {
    var tag: UInt32
    var firstTSN: TSN
    var window: UInt32
    var outboundStreams: UInt16
    var inboundStreams: UInt16
    /// RFC 3758.
    var forwardsTSN: Bool
    /// RFC 6525.
    var reconfigures: Bool
}

/// The parameters of an INIT or INIT ACK, read.
struct InitiationParameters: Sendable {
    var peer: PeerParameters
    var cookie: [UInt8]?
    /// Whole parameters that are told back as not understood (RFC 9260 section 3.2.1).
    var unrecognised: [[UInt8]] = []

    init(_ chunk: InitiationChunk, in packet: RawSpan) throws(ParseError) {
        peer = PeerParameters(
            tag: chunk.tag, firstTSN: chunk.firstTSN, window: chunk.window, outboundStreams: chunk.outboundStreams,
            inboundStreams: chunk.inboundStreams, forwardsTSN: false, reconfigures: false)
        var walker = ParameterWalker(chunk.parameters, in: packet)
        while let parameter = try walker.next() {
            switch parameter.type {
            case Parameter.stateCookie:
                guard parameter.value.count <= Limits.cookieLength else { throw .overLimit }
                cookie = packet.extracting(parameter.value.range).copied()
            case Parameter.forwardTSNSupported: peer.forwardsTSN = true
            case Parameter.supportedExtensions:
                for offset in parameter.value.range where packet.uint8(at: offset) == ChunkType.reconfiguration {
                    peer.reconfigures = true
                }
            default:
                // The two highest bits say what to do with what is not known: 01 and 11 tell, 00 and 01 stop.
                if parameter.type & 0x4000 != 0, unrecognised.count < Limits.unrecognisedParameters,
                    parameter.value.count <= Limits.unrecognisedLength
                {
                    let start = parameter.value.start - Parameter.headerLength
                    unrecognised.append(packet.extracting(start..<parameter.value.end).copied())
                }
                if parameter.type & 0x8000 == 0, !Self.known.contains(parameter.type) { return }
            }
        }
    }

    /// Such that say nothing here: addresses, cookie preservative, address types (RFC 9260 section 3.3.2).
    private static let known: Set<UInt16> = [5, 6, 9, 11, 12]
}
