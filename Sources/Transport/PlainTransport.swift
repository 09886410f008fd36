public import SRTP
public import Wire

/// All sections of one endpoint of plain RTP: one of audio, one of video. The router sees one endpoint; on the wire
/// each section is an RTP session of its own, with its own ports, SSRCs and RTCP.
public struct PlainTransport: ~Copyable {
    private var audio: PlainSection?
    private var video: PlainSection?

    /// Without sections: takes and sends nothing.
    public init() {}

    /// Begins the section of its kind.
    public mutating func begin(_ section: consuming PlainSection) {
        if section.isVideo { video = consume section } else { audio = consume section }
    }

    // MARK: The packet path

    /// As ``PeerTransport/receive(_:length:from:now:)``, where `tuple` has a ``PlainComponent`` for its socket.
    public mutating func receive(
        _ packet: inout MutableRawSpan, length: Int, from tuple: Tuple, now: Instant
    ) throws(DropReason) -> Received {
        guard let component = PlainComponent(of: tuple) else { throw .unknownTuple }
        let received =
            component.isVideo
            ? try video?.receive(&packet, length: length, component, from: tuple.remote, now: now)
            : try audio?.receive(&packet, length: length, component, from: tuple.remote, now: now)
        guard let received else { throw .plainUnknownStream }
        return received
    }

    /// As ``PeerTransport/protectRTP(_:length:)``. Throws `plainNoRemote` before it is known where the peer is.
    public mutating func protectRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        let sealed =
            isOfVideo(packet.bytes, length: length)
            ? try video?.protectRTP(&packet, length: length) : try audio?.protectRTP(&packet, length: length)
        guard let sealed else { throw .plainUnknownStream }
        return sealed
    }

    /// As ``PeerTransport/protectRepeatedRTP(_:length:)``.
    public mutating func protectRepeatedRTP(
        _ packet: inout MutableRawSpan, length: Int
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        let sealed =
            isOfVideo(packet.bytes, length: length)
            ? try video?.protectRepeatedRTP(&packet, length: length)
            : try audio?.protectRepeatedRTP(&packet, length: length)
        guard let sealed else { throw .plainUnknownStream }
        return sealed
    }

    /// What of the router's compound is the section's: see ``PlainSection/part(of:into:)``. 0 for nothing.
    public func part(of compound: RawSpan, isVideo: Bool, into output: inout MutableRawSpan) -> Int {
        if isVideo {
            switch video {
            case .some(let section): return section.part(of: compound, into: &output)
            case .none: return 0
            }
        }
        switch audio {
        case .some(let section): return section.part(of: compound, into: &output)
        case .none: return 0
        }
    }

    /// Protects what ``part(of:isVideo:into:)`` wrote.
    public mutating func protectRTCP(
        _ packet: inout MutableRawSpan, length: Int, isVideo: Bool
    ) throws(DropReason) -> (length: Int, tuple: Tuple) {
        let sealed =
            isVideo ? try video?.protectRTCP(&packet, length: length) : try audio?.protectRTCP(&packet, length: length)
        guard let sealed else { throw .plainUnknownStream }
        return sealed
    }

    /// Which section sends with the packet's SSRC.
    private func isOfVideo(_ bytes: RawSpan, length: Int) -> Bool {
        guard length >= 12 else { return false }
        return switch video {
        case .some(let video): video.localSSRC == bytes.uint32(at: 8)
        case .none: false
        }
    }

    // MARK: What is new

    /// An SSRC that a section's packets have since its last call. What a port tells of it no header says.
    public mutating func takeNewSSRC(isVideo: Bool) -> UInt32? {
        isVideo ? video?.takeNews() ?? nil : audio?.takeNews() ?? nil
    }

    /// Whether few packets are left of the section's key; true once.
    public mutating func takeKeyWarning(isVideo: Bool) -> Bool {
        isVideo ? video?.takeWarning() ?? false : audio?.takeWarning() ?? false
    }

    /// Where some section's media go is known.
    public var isConnected: Bool {
        let hasAudio =
            switch audio {
            case .some(let section): section.isConnected
            case .none: false
            }
        guard !hasAudio else { return true }
        return switch video {
        case .some(let section): section.isConnected
        case .none: false
        }
    }

    /// Of the keys in use; nil without.
    public var srtpProfile: Profile? {
        switch audio {
        case .some(let section): return section.srtpProfile
        case .none: break
        }
        return switch video {
        case .some(let section): section.srtpProfile
        case .none: nil
        }
    }
}
