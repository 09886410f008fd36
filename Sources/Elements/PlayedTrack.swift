import Media
import Payload
import Reactor
import Wire

/// One track of what a player plays: as it is, where every peer takes it, else encoded anew.
///
/// *Deviation* from Kurento, which decodes everything: VP8 and Opus go out untouched. Whoever comes in the middle waits
/// for the resource's next key frame.
final class PlayedTrack {
    /// Which of the player's streams it goes out as.
    let stream: Int
    private let isAsItIs: Bool
    private var video: VideoTranscoder?
    private var audio: AudioTranscoder?

    init(_ track: MediaTrack, stream: Int) throws(MediaError) {
        self.stream = stream
        let own = PayloadFormat(track.codec)
        isAsItIs = own == .vp8 || own == .opus
        guard !isAsItIs else { return }
        if track.kind == .video {
            video = try VideoTranscoder(track.codec, extradata: track.extradata, isLive: false, target: .vp8)
        } else {
            audio = try AudioTranscoder(try AudioDecoder(track), target: .opus)
        }
    }

    func requestKeyFrame() { video?.requestKeyFrame() }

    /// What comes next has nothing to do with what was before.
    func restart() {
        video?.reset()
        audio?.reset()
    }

    /// - Parameters:
    ///   - due: when the packet is to be shown or heard.
    ///   - send: takes frames, and when each is to be shown or heard.
    func play(_ packet: MediaPacket, at due: Instant, now: Instant, send: ([UInt8], Instant) -> Void) {
        if isAsItIs { return send(packet.bytes, due) }
        let isLate = now - due > Limits.lateness
        let pictures = video?.take(packet.bytes, pts: packet.pts, isKeyFrame: packet.isKeyFrame, isLate: isLate) ?? []
        for picture in pictures { send(picture.bytes, due + (picture.pts - packet.pts)) }
        for sound in audio?.take(packet.bytes, pts: packet.pts) ?? [] {
            send(sound.bytes, due + (sound.pts - packet.pts))
        }
    }
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
