import Media
import Payload
import Wire

/// What a port decodes. A class, for decoders are one thing each.
final class HubDecoders {
    private var sound: AudioDecoder?
    private var soundFormat: PayloadFormat?
    private var video: VideoDecoder?
    private var videoFormat: PayloadFormat?

    /// Pictures go on at a key frame only.
    var needsKeyFrame: Bool { video?.needsKeyFrame ?? true }

    /// Frames were left out, or what comes has nothing to do with what was before.
    func resetVideo() { video?.reset() }

    /// Two channels at 48 kHz; empty where nothing can be made of the frame.
    func sound(_ frame: EncodedFrame, _ format: PayloadFormat) -> [Int16] {
        if soundFormat != format {
            soundFormat = format
            sound = try? AudioDecoder(format.mediaCodec)
        }
        let decoded = try? sound?.decode(frame.bytes, pts: .zero)
        return decoded?.samples ?? []
    }

    /// The newest picture that the frame completes.
    func picture(_ frame: EncodedFrame, _ format: PayloadFormat) -> VideoFrame? {
        if videoFormat != format {
            videoFormat = format
            video = try? VideoDecoder(format.mediaCodec)
        }
        let pictures = try? video?.decode(frame.bytes, pts: .zero, isKeyFrame: frame.isKeyFrame)
        return pictures?.last
    }
}
