public import RTP

/// `a=rtpmap` (RFC 8866 section 6.6).
public struct RTPMap: Hashable, Sendable {
    public var payloadType: UInt8
    public var name: String
    /// Hz.
    public var clockRate: UInt32
    /// 1 unless said otherwise.
    public var channels: UInt8

    public init(payloadType: UInt8, name: String, clockRate: UInt32, channels: UInt8 = 1) {
        self.payloadType = payloadType
        self.name = name
        self.clockRate = clockRate
        self.channels = channels
    }
}

/// `a=fmtp` (RFC 8866 section 6.15).
public struct FormatParameters: Hashable, Sendable {
    public var payloadType: UInt8
    public var parameters: [FormatParameter]

    public init(payloadType: UInt8, parameters: [FormatParameter]) {
        self.payloadType = payloadType
        self.parameters = parameters
    }
}

/// `a=rtcp-fb` (RFC 4585 section 4.2).
public struct RTCPFeedback: Hashable, Sendable {
    /// nil for `*`: every payload type of the section.
    public var payloadType: UInt8?
    /// `nack`, `nack pli`, `ccm fir`, `goog-remb`, `transport-cc`, …
    public var value: String

    public init(payloadType: UInt8?, value: String) {
        self.payloadType = payloadType
        self.value = value
    }
}

/// `a=extmap` (RFC 8285 section 5).
public struct HeaderExtension: Hashable, Sendable {
    /// 1...14 for one-byte headers, 1...255 for two-byte ones, 4096...4351 for "choose one".
    public var id: UInt16
    public var direction: MediaDirection?
    public var uri: String

    public init(id: UInt16, direction: MediaDirection? = nil, uri: String) {
        self.id = id
        self.direction = direction
        self.uri = uri
    }
}

/// One `a=ssrc` line (RFC 5576 section 4.1). Attributes other than these two are dropped: the older `mslabel` and
/// `label` repeat msid.
public struct SourceAttribute: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        case cname(String)
        case msid(MSID)
    }

    public var ssrc: UInt32
    public var value: Value

    public init(ssrc: UInt32, _ value: Value) {
        self.ssrc = ssrc
        self.value = value
    }
}

/// `a=ssrc-group` (RFC 5576 section 4.2).
public struct SourceGroup: Hashable, Sendable {
    /// `FID`, `SIM`, `FEC-FR`.
    public var semantics: String
    public var ssrcs: [UInt32]

    public init(_ semantics: String, _ ssrcs: [UInt32]) {
        self.semantics = semantics
        self.ssrcs = ssrcs
    }

    /// A stream and its retransmissions (RFC 4588 section 8.8).
    public static let flowIdentification = "FID"
    /// The encodings of one track before there were rids, from small to large.
    public static let simulcast = "SIM"
}

/// `a=msid` (RFC 8830 section 2).
public struct MSID: Hashable, Sendable {
    /// `-` for a track of no stream.
    public var stream: String
    public var track: String?

    public init(stream: String, track: String?) {
        self.stream = stream
        self.track = track
    }
}

/// `a=rid` (RFC 8851 section 4); its restrictions are not kept.
public struct RestrictionID: Hashable, Sendable {
    public var id: String
    /// Whether the writer sends this stream, or receives it.
    public var isSend: Bool

    public init(id: String, isSend: Bool) {
        self.id = id
        self.isSend = isSend
    }
}

/// `a=simulcast` (RFC 8853 section 5.1): streams in order, each with its alternatives.
public struct Simulcast: Hashable, Sendable {
    public var send: [[SimulcastStream]]
    public var receive: [[SimulcastStream]]

    public init(send: [[SimulcastStream]] = [], receive: [[SimulcastStream]] = []) {
        self.send = send
        self.receive = receive
    }
}

/// One alternative of `a=simulcast`: a rid, sent or paused (RFC 8853 section 5.1).
public struct SimulcastStream: Hashable, Sendable {
    public var rid: String
    /// Written with `~`.
    public var isPaused: Bool

    public init(rid: String, isPaused: Bool = false) {
        self.rid = rid
        self.isPaused = isPaused
    }
}
