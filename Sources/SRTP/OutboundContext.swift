public import Wire

/// Protects what is sent to one peer (RFC 3711 section 3.3, 3.4), in place and without allocating.
///
/// Its state lies in memory of the caller's that must outlive the context and that nothing else writes. There
/// the index of a packet is stored before it is used: whoever takes over after a crash, at whatever point,
/// finds every index that may have gone out.
@safe public struct OutboundContext: ~Copyable {
    private let state: UnsafeMutablePointer<OutboundState>
    private let rtp: SessionCipher
    private let rtcp: SessionCipher
    private let library: LibSRTPSession
    public let backend: Backend
    public let profile: Profile

    /// Starts with a fresh key: `state` is overwritten. A key that was used before must not come this way.
    public init(
        initializing state: UnsafeMutablePointer<OutboundState>, masterKey: MasterKey, backend: Backend = .preferred
    ) throws(SRTPError) {
        try unsafe self.init(masterKey: masterKey, state: state, backend: backend)
        unsafe state.pointee.begin(masterKey)
    }

    /// Goes on where another context with this state stopped: every RTP index up to the highest stored one is refused
    /// from now on. That is enough where the state is the very memory that the other wrote, for each index was stored
    /// there before it was used, and a process that is killed takes nothing back. A copy of an earlier moment must not
    /// come this way.
    public init(
        resuming state: UnsafeMutablePointer<OutboundState>, backend: Backend = .preferred
    ) throws(SRTPError) {
        guard unsafe backend != .libsrtp2 || state.pointee.streamCount == 0 else { throw .backendCannotResume }
        try unsafe self.init(masterKey: state.pointee.masterKey, state: state, backend: backend)
        for slot in unsafe 0..<state.pointee.table.count { unsafe state.pointee.streams[slot].rtp.close() }
    }

    private init(masterKey: MasterKey, state: UnsafeMutablePointer<OutboundState>, backend: Backend)
        throws(SRTPError)
    {
        guard let profile = masterKey.profile else { throw .noKey }
        let rtp = try SessionCipher(
            masterKey: masterKey, label: SessionCipher.Label.rtp, isSealing: true, backend: backend)
        let rtcp = try SessionCipher(
            masterKey: masterKey, label: SessionCipher.Label.rtcp, isSealing: true, backend: backend)
        let library = try LibSRTPSession(masterKey: backend == .libsrtp2 ? masterKey : nil, isInbound: false)
        unsafe self.state = state
        self.rtp = rtp
        self.rtcp = rtcp
        self.library = library
        self.backend = backend
        self.profile = profile
    }

    /// Protects the RTP packet in the first `length` bytes; the span has room for ``Limits/maximumTrailer`` more.
    /// Returns the new length.
    ///
    /// Throws `srtpMalformed`, `srtpBufferTooSmall`, `srtpTooManyStreams`, `srtpIndexExhausted`, and
    /// `srtpReplayed` or `srtpTooOld` when the sequence number was used before or may have been.
    @_lifetime(packet: copy packet)
    public mutating func protectRTP(_ packet: inout MutableRawSpan, length: Int) throws(DropReason) -> Int {
        try seal(&packet, length: length, isRepeat: false)
    }

    /// Protects a packet that went out before, for a peer that asks for it again and takes no RTX (RFC 4585
    /// section 6.2.1). The caller answers for its bytes being the very same: another packet under a used index
    /// would give the keystream away.
    ///
    /// Throws `srtpTooOld` when the packet is not among the last ``Limits/replayWindow`` that went out.
    @_lifetime(packet: copy packet)
    public mutating func protectRepeatedRTP(_ packet: inout MutableRawSpan, length: Int) throws(DropReason) -> Int {
        try seal(&packet, length: length, isRepeat: true)
    }

    @_lifetime(packet: copy packet)
    private mutating func seal(
        _ packet: inout MutableRawSpan, length: Int, isRepeat: Bool
    ) throws(DropReason) -> Int {
        guard length >= 0, length <= Limits.packetSize else { throw .srtpMalformed }
        let header = try PacketHeader(rtp: packet.bytes, end: length)
        guard packet.byteCount - length >= Limits.maximumTrailer else { throw .srtpBufferTooSmall }
        let slot = try slot(for: header.ssrc)
        guard backend != .libsrtp2 else {
            return try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
                guard let base = bytes.baseAddress else { throw .srtpMalformed }
                return try unsafe library.run(.protectRTP, base, length: length)
            }
        }
        let index: UInt64
        if isRepeat {
            index = try unsafe state.pointee.streams[slot].rtp.estimate(header.sequence)
            guard unsafe state.pointee.streams[slot].rtp.contains(index) else { throw .srtpTooOld }
        } else {
            index = try unsafe state.pointee.streams[slot].rtp.take(header.sequence)
        }
        return try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                throw .srtpMalformed
            }
            let payload = unsafe base + header.length
            let tag = unsafe base + length
            let payloadLength = length - header.length
            if profile.isAEAD {
                guard
                    unsafe rtp.runGCM(
                        ssrc: header.ssrc, index: index, header: base, headerLength: header.length, tail: nil,
                        data: payload, length: payloadLength, tag: tag)
                else { throw .srtpMalformed }
            } else {
                guard
                    unsafe rtp.runCounterMode(
                        ssrc: header.ssrc, index: index, data: payload, length: payloadLength)
                else { throw .srtpMalformed }
                // RFC 3711 section 4.2: the packet, then the rollover counter.
                unsafe rtp.writeTag(
                    of: base, length: length, suffix: UInt32(truncatingIfNeeded: index >> 16), to: tag)
            }
            return length + profile.tagLength
        }
    }

    /// Protects the RTCP compound packet in the first `length` bytes; the span has room for
    /// ``Limits/maximumTrailer`` more. Returns the new length. Throws as ``protectRTP(_:length:)``, but indices
    /// are the context's own.
    @_lifetime(packet: copy packet)
    public mutating func protectRTCP(_ packet: inout MutableRawSpan, length: Int) throws(DropReason) -> Int {
        guard length >= 0, length <= Limits.packetSize else { throw .srtpMalformed }
        let header = try PacketHeader(rtcp: packet.bytes, end: length)
        guard packet.byteCount - length >= Limits.maximumTrailer else { throw .srtpBufferTooSmall }
        let slot = try slot(for: header.ssrc)
        guard backend != .libsrtp2 else {
            return try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
                guard let base = bytes.baseAddress else { throw .srtpMalformed }
                return try unsafe library.run(.protectRTCP, base, length: length)
            }
        }
        guard unsafe state.pointee.streams[slot].rtcp < Limits.lastIndexRTCP else { throw .srtpIndexExhausted }
        unsafe state.pointee.streams[slot].rtcp &+= 1
        let index = unsafe state.pointee.streams[slot].rtcp
        // E flag and index (RFC 3711 section 3.4): before the tag in counter mode, after it in GCM.
        let tagLength = profile.controlTagLength
        let trailer = profile.isAEAD ? length + tagLength : length
        packet.store(1 << 31 | index, at: trailer)
        return try unsafe packet.withUnsafeMutableBytes { (bytes) throws(DropReason) -> Int in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                throw .srtpMalformed
            }
            let body = unsafe base + header.length
            let bodyLength = length - header.length
            if profile.isAEAD {
                guard
                    unsafe rtcp.runGCM(
                        ssrc: header.ssrc, index: UInt64(index), header: base, headerLength: header.length,
                        tail: base + trailer, data: body, length: bodyLength, tag: base + length)
                else { throw .srtpMalformed }
            } else {
                guard
                    unsafe rtcp.runCounterMode(
                        ssrc: header.ssrc, index: UInt64(index), data: body, length: bodyLength)
                else { throw .srtpMalformed }
                unsafe rtcp.writeTag(of: base, length: length + 4, suffix: nil, to: base + length + 4)
            }
            return length + tagLength + 4
        }
    }

    private mutating func slot(for ssrc: UInt32) throws(DropReason) -> Int {
        if let slot = unsafe state.pointee.table.slot(of: ssrc) { return slot }
        guard unsafe !state.pointee.table.isFull else { throw .srtpTooManyStreams }
        let slot = unsafe state.pointee.table.count
        unsafe state.pointee.streams[slot] = OutboundStream()
        return unsafe state.pointee.table.append(ssrc)
    }
}
