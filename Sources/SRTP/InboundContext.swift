public import Wire

/// Opens what comes from one peer (RFC 3711 section 3.3, 3.4), in place and without allocating.
///
/// A packet is authenticated before it changes anything: rollover counter, window and table belong to
/// authentic packets alone. Its state lies in memory of the caller's that must outlive the context.
@safe public struct InboundContext: ~Copyable {
    private let state: UnsafeMutablePointer<InboundState>
    private let rtp: SessionCipher
    private let rtcp: SessionCipher
    private let library: LibSRTPSession
    public let backend: Backend
    public let profile: Profile

    /// Starts with a fresh key: `state` is overwritten.
    public init(
        initializing state: UnsafeMutablePointer<InboundState>, masterKey: MasterKey, backend: Backend = .preferred
    ) throws(SRTPError) {
        try unsafe self.init(masterKey: masterKey, state: state, backend: backend)
        unsafe state.pointee.begin(masterKey)
    }

    /// Goes on where another context with this state stopped: same rollover counters, same replay windows.
    public init(resuming state: UnsafeMutablePointer<InboundState>, backend: Backend = .preferred) throws(SRTPError) {
        guard unsafe backend != .libsrtp2 || state.pointee.streamCount == 0 else { throw .backendCannotResume }
        try unsafe self.init(masterKey: state.pointee.masterKey, state: state, backend: backend)
    }

    private init(masterKey: MasterKey, state: UnsafeMutablePointer<InboundState>, backend: Backend)
        throws(SRTPError)
    {
        guard let profile = masterKey.profile else { throw .noKey }
        let rtp = try SessionCipher(
            masterKey: masterKey, label: SessionCipher.Label.rtp, isSealing: false, backend: backend)
        let rtcp = try SessionCipher(
            masterKey: masterKey, label: SessionCipher.Label.rtcp, isSealing: false, backend: backend)
        let library = try LibSRTPSession(masterKey: backend == .libsrtp2 ? masterKey : nil, isInbound: true)
        unsafe self.state = state
        self.rtp = rtp
        self.rtcp = rtcp
        self.library = library
        self.backend = backend
        self.profile = profile
    }

    /// Opens the SRTP packet in the first `length` bytes and returns the RTP packet's length. After a throw the
    /// bytes are not to be used.
    ///
    /// Throws `srtpMalformed`, `srtpBadTag`, `srtpReplayed`, `srtpTooOld`, `srtpTooManyStreams`,
    /// `srtpIndexExhausted`.
    @_lifetime(packet: copy packet)
    public mutating func unprotectRTP(_ packet: inout MutableRawSpan, length: Int) throws(DropReason) -> Int {
        guard length >= 0, length <= Limits.packetSize else { throw .srtpMalformed }
        let end = length - profile.tagLength
        let header = try PacketHeader(rtp: packet.bytes, end: end)
        let slot = try knownSlot(of: header.ssrc)
        var index = UInt64(header.sequence)
        if let slot { index = try unsafe state.pointee.streams[slot].rtp.expect(header.sequence) }
        let opened = try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                throw .srtpMalformed
            }
            guard backend != .libsrtp2 else { return try unsafe library.run(.unprotectRTP, base, length: length) }
            let payload = unsafe base + header.length
            let tag = unsafe base + end
            if profile.isAEAD {
                guard
                    unsafe rtp.runGCM(
                        ssrc: header.ssrc, index: index, header: base, headerLength: header.length, tail: nil,
                        data: payload, length: end - header.length, tag: tag)
                else { throw .srtpBadTag }
            } else {
                let rollover = UInt32(truncatingIfNeeded: index >> 16)
                guard unsafe rtp.hasTag(of: base, length: end, suffix: rollover, at: tag) else { throw .srtpBadTag }
                guard
                    unsafe rtp.runCounterMode(
                        ssrc: header.ssrc, index: index, data: payload, length: end - header.length)
                else { throw .srtpMalformed }
            }
            return end
        }
        let admitted = slot ?? admit(header.ssrc)
        unsafe state.pointee.streams[admitted].rtp.insert(index)
        return opened
    }

    /// Opens the SRTCP packet in the first `length` bytes and returns the RTCP packet's length. Throws as
    /// ``unprotectRTP(_:length:)``. Packets that are not encrypted are refused: DTLS-SRTP always agrees on
    /// encryption (RFC 5764 section 4.1.2).
    @_lifetime(packet: copy packet)
    public mutating func unprotectRTCP(_ packet: inout MutableRawSpan, length: Int) throws(DropReason) -> Int {
        guard length >= 0, length <= Limits.packetSize else { throw .srtpMalformed }
        let end = length - profile.controlTagLength - 4
        let header = try PacketHeader(rtcp: packet.bytes, end: end)
        // E flag and index (RFC 3711 section 3.4): before the tag in counter mode, after it in GCM.
        let trailer = profile.isAEAD ? length - 4 : end
        guard trailer + 4 <= packet.byteCount, length <= packet.byteCount else { throw .srtpMalformed }
        let word = packet.bytes.uint32(at: trailer)
        guard word >> 31 == 1 else { throw .srtpMalformed }
        let index = UInt64(word & Limits.lastIndexRTCP)
        let slot = try knownSlot(of: header.ssrc)
        if let slot { try unsafe state.pointee.streams[slot].rtcp.check(index) }
        let opened = try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                throw .srtpMalformed
            }
            guard backend != .libsrtp2 else { return try unsafe library.run(.unprotectRTCP, base, length: length) }
            let body = unsafe base + header.length
            if profile.isAEAD {
                guard
                    unsafe rtcp.runGCM(
                        ssrc: header.ssrc, index: index, header: base, headerLength: header.length,
                        tail: base + trailer, data: body, length: end - header.length, tag: base + end)
                else { throw .srtpBadTag }
            } else {
                guard unsafe rtcp.hasTag(of: base, length: end + 4, suffix: nil, at: base + end + 4) else {
                    throw .srtpBadTag
                }
                guard
                    unsafe rtcp.runCounterMode(
                        ssrc: header.ssrc, index: index, data: body, length: end - header.length)
                else { throw .srtpMalformed }
            }
            return end
        }
        let admitted = slot ?? admit(header.ssrc)
        unsafe state.pointee.streams[admitted].rtcp.insert(index)
        return opened
    }

    /// nil for an SSRC that would need a slot; throws when there is none left.
    private func knownSlot(of ssrc: UInt32) throws(DropReason) -> Int? {
        if let slot = unsafe state.pointee.table.slot(of: ssrc) { return slot }
        guard unsafe !state.pointee.table.isFull else { throw .srtpTooManyStreams }
        return nil
    }

    private func admit(_ ssrc: UInt32) -> Int {
        let slot = unsafe state.pointee.table.count
        unsafe state.pointee.streams[slot] = InboundStream()
        return unsafe state.pointee.table.append(ssrc)
    }
}
