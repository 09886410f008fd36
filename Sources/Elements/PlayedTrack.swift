import Media
import Payload
import RTP
import Reactor
import Wire

/// One track of what a player plays: as it is, where every peer takes it, else encoded anew.
///
/// *Deviation* from Kurento, which decodes everything unless `useEncodedMedia` says otherwise: VP8 and Opus go out
/// untouched, but for what a ``KeyFrameBridge`` makes for those who come in the middle.
final class PlayedTrack {
    /// Which of the player's streams it goes out as.
    let stream: Int
    /// How it goes out as it is; nil for one that is encoded anew.
    let format: PayloadFormat?
    /// Of H.264 that goes out as it is.
    let parameterSets: NALUnits
    /// Bytes of the lengths before the NAL units of such a track; nil for start codes.
    private let lengthSize: Int?
    private var video: VideoTranscoder?
    private var audio: AudioTranscoder?
    private var bridge: KeyFrameBridge?
    /// What is earlier is sent to nobody.
    private var begin = Interval.earliest

    /// - Parameter usesEncodedMedia: it goes out as it is, which it can, and nothing else does.
    init(_ track: MediaTrack, stream: Int, usesEncodedMedia: Bool) throws(MediaError) {
        self.stream = stream
        let own = PayloadFormat(carrying: track)
        format = usesEncodedMedia || own == .vp8 || own == .opus ? own : nil
        guard format == nil else {
            if !usesEncodedMedia, own == .vp8 { bridge = KeyFrameBridge(track.codec) }
            let record = try? unsafe AVCConfiguration(parsing: track.extradata.span.bytes)
            lengthSize = format == .h264 ? record?.lengthSize : nil
            let sets = record?.parameterSets ?? (try? NALUnits(annexB: track.extradata))
            parameterSets = format == .h264 ? sets ?? NALUnits() : NALUnits()
            return
        }
        parameterSets = NALUnits()
        lengthSize = nil
        if track.kind == .video {
            video = try VideoTranscoder(track.codec, extradata: track.extradata, isLive: false, target: .vp8)
        } else {
            audio = try AudioTranscoder(try AudioDecoder(track), target: .opus)
        }
    }

    /// What leaves is encoded anew.
    var isEncoding: Bool { format == nil || bridge?.isEncoding == true }

    func requestKeyFrame() {
        video?.requestKeyFrame()
        bridge?.requestKeyFrame()
    }

    /// It can be played from everywhere: what lies between a key frame and there is decoded. Else from key frames only.
    var beginsAnywhere: Bool { format?.kind != .video || bridge != nil }

    /// What comes next has nothing to do with what was before.
    ///
    /// - Parameter begin: what is earlier is taken, and sent to nobody.
    func restart(at begin: Interval) {
        self.begin = begin
        video?.reset(at: begin)
        audio?.reset(at: begin)
        bridge?.restart(at: begin)
    }

    /// - Parameters:
    ///   - due: when the packet is to be shown or heard.
    ///   - send: takes frames, and when each is to be shown or heard.
    func play(_ packet: MediaPacket, at due: Instant, now: Instant, send: ([UInt8], Instant) -> Void) {
        let isLate = now - due > Limits.lateness
        if let bridged = bridge?.take(packet, isLate: isLate) {
            for picture in bridged { send(picture.bytes, due + (picture.pts - packet.pts)) }
            return
        }
        if format != nil {
            if packet.pts >= begin { send(frame(of: packet), due) }
            return
        }
        let pictures = video?.take(packet.bytes, pts: packet.pts, isKeyFrame: packet.isKeyFrame, isLate: isLate) ?? []
        for picture in pictures { send(picture.bytes, due + (picture.pts - packet.pts)) }
        for sound in audio?.take(packet.bytes, pts: packet.pts) ?? [] {
            send(sound.bytes, due + (sound.pts - packet.pts))
        }
    }

    /// H.264 with start codes; nothing, where it is damaged.
    private func frame(of packet: MediaPacket) -> [UInt8] {
        guard let lengthSize else { return packet.bytes }
        return (try? NALUnits(lengthPrefixed: packet.bytes, lengthSize: lengthSize).annexB) ?? []
    }
}

extension Interval {
    /// Before all that is played.
    static let earliest = Interval(nanoseconds: .min)
}

extension PayloadFormat {
    /// Nil for codecs that no payload format here carries.
    init?(_ codec: MediaCodec) {
        switch codec {
        case .vp8: self = .vp8
        case .vp9: self = .vp9
        case .h264: self = .h264
        case .opus: self = .opus
        case .pcmu: self = .pcmu
        case .pcma: self = .pcma
        case .aac, .vorbis, .mp3, .jpeg, .other: return nil
        }
    }

    /// Nil also for sound in a form that its payload format has no room for.
    init?(carrying track: MediaTrack) {
        self.init(track.codec)
        switch self {
        case .opus: if track.channels > 2 { return nil }
        case .pcmu, .pcma: if track.channels != 1 || track.sampleRate != 8000 { return nil }
        case .vp8, .vp9, .h264: break
        }
    }

    var mediaCodec: MediaCodec {
        switch self {
        case .vp8: .vp8
        case .vp9: .vp9
        case .h264: .h264
        case .opus: .opus
        case .pcmu: .pcmu
        case .pcma: .pcma
        }
    }
}
