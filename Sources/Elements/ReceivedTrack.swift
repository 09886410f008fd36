import Payload
import RTP
import Reactor
import Session
import Wire

/// One kind of media that is routed to an element: packets in, frames in order out.
struct ReceivedTrack {
    let kind: MediaKind
    /// What the router sends it under.
    let ssrc: UInt32
    private let formats: [UInt8: PayloadFormat]
    private var buffer: FrameBuffer?
    private var nextRequest = Instant.origin
    private let policy: FrameBuffer.Policy

    init(_ kind: MediaKind, policy: FrameBuffer.Policy, random: inout SeededRandom) {
        self.kind = kind
        self.policy = policy
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        var formats: [UInt8: PayloadFormat] = [:]
        for (payloadType, format) in Self.payloadTypes where format.kind == kind { formats[payloadType] = format }
        self.formats = formats
    }

    /// Whatever a publisher may send, so that the router need not choose.
    private static let payloadTypes: [(UInt8, PayloadFormat)] = [
        (111, .opus), (0, .pcmu), (8, .pcma), (96, .vp8), (98, .vp9), (102, .h264), (104, .h264),
    ]

    /// As a peer that takes it would negotiate it.
    var section: NegotiatedMedia {
        let codecs = formats.sorted { $0.key < $1.key }.map { payloadType, format in
            var codec = format.parameters(payloadType: payloadType)
            if kind == .video { codec.feedback = ["nack pli", "ccm fir"] }
            if format == .h264 { codec.formatParameters = Self.h264(mode: payloadType == 102 ? "1" : "0") }
            return codec
        }
        return NegotiatedMedia(
            mid: kind.rawValue, kind: kind, direction: .sendonly, receive: RTPParameters(),
            send: RTPParameters(codecs: codecs, encodings: [EncodingParameters(ssrc: ssrc)]))
    }

    private static func h264(mode: String) -> [FormatParameter] {
        [FormatParameter("packetization-mode", mode), FormatParameter("profile-level-id", "42e01f")]
    }

    mutating func receive(_ header: RTPHeader, _ packet: RawSpan, _ lipSync: inout LipSync, now: Instant) {
        guard let format = formats[header.payloadType] else { return }
        if buffer?.format != format {
            buffer = FrameBuffer(format, policy: policy)
            lipSync.add(ssrc, kind, clockRate: format.clockRate)
        }
        buffer?.insert(header, payload: packet.extracting(header.payloadRange), now: now)
    }

    /// The next frame, with its format and when it was captured.
    mutating func nextFrame(
        _ lipSync: inout LipSync, now: Instant
    ) -> (frame: EncodedFrame, format: PayloadFormat, capture: Instant)? {
        guard let frame = buffer?.nextFrame(now: now), let format = buffer?.format else { return nil }
        lipSync.arrived(frame.timestamp, of: ssrc, now: frame.arrival)
        return (frame, format, lipSync.captureTime(of: ssrc, timestamp: frame.timestamp) ?? frame.arrival)
    }

    /// Has frames wait for the slower kind of the same source, as far as that is of this world: two sources that are
    /// connected to one element have clocks that have nothing to do with each other.
    mutating func keepTime(with lipSync: inout LipSync) {
        guard let delay = buffer?.delay else { return }
        lipSync.setDelay(delay, of: ssrc)
        let extra = lipSync.extraDelay(of: ssrc)
        buffer?.extraDelay = extra <= Limits.lipSyncDelay ? extra : .zero
    }

    var deadline: Instant { buffer?.deadline ?? .distantFuture }

    /// Whether to ask the source for a key frame now.
    mutating func asksForKeyFrame(isNeeded: Bool, now: Instant) -> Bool {
        guard kind == .video, let buffer, isNeeded || buffer.wantsKeyFrame, now >= nextRequest else { return false }
        nextRequest = now + Limits.keyFrameInterval
        return true
    }
}
