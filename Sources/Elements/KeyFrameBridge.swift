import Media
import Reactor
import Wire

/// Makes a key frame in the middle of a video that is played as it is: for somebody who has just come, or where a seek
/// led to.
///
/// The pictures since the resource's last key frame are decoded, some at a time, while the video goes on untouched.
/// From where that has caught up it is encoded anew, a key frame first, until the resource's own next one.
struct KeyFrameBridge: ~Copyable {
    private enum State {
        case idle
        /// So many of the pictures since the key frame are decoded.
        case catchingUp(Int)
        case encoding
    }

    private let codec: MediaCodec
    private var state = State.idle
    /// The resource's last key frame and what followed it; empty where that is too much, not known or done with.
    private var pictures: [MediaPacket] = []
    private var bytes = 0
    private var transcoder: VideoTranscoder?
    /// What is earlier is decoded, and sent to nobody.
    private let begin: Interval

    init(_ codec: MediaCodec, begin: Interval = .earliest) {
        self.codec = codec
        self.begin = begin
    }

    /// What leaves is encoded anew.
    var isEncoding: Bool { if case .encoding = state { true } else { false } }

    mutating func requestKeyFrame() {
        switch state {
        case .idle:
            // Who asks when one has just gone out has it on the way.
            guard let first = pictures.first, let last = pictures.last,
                last.pts - first.pts >= Limits.freshKeyFrame
            else { return }
            transcoder = try? VideoTranscoder(codec, isLive: true, target: codec)
            if transcoder != nil { state = .catchingUp(0) }
        case .catchingUp: break
        case .encoding: transcoder?.requestKeyFrame()
        }
    }

    /// What comes next has nothing to do with what was before.
    ///
    /// - Parameter begin: where it begins, in the middle or at a key frame.
    mutating func restart(at begin: Interval) { self = KeyFrameBridge(codec, begin: begin) }

    /// - Returns: what is to be sent in the packet's place; nil where that is the packet itself.
    mutating func take(_ packet: MediaPacket, isLate: Bool) -> [EncodedVideoFrame]? {
        if packet.isKeyFrame { restart(at: begin) }
        guard packet.pts >= begin else {
            skip(packet)
            return []
        }
        remember(packet)
        switch state {
        case .idle: return nil
        case .catchingUp(let done): return catchUp(from: done)
        case .encoding:
            return transcoder?.take(packet.bytes, pts: packet.pts, isKeyFrame: false, isLate: isLate)
        }
    }

    private mutating func remember(_ packet: MediaPacket) {
        // Once it encodes nothing is kept: another key frame is the encoder's to make.
        guard packet.isKeyFrame || !pictures.isEmpty else { return }
        pictures.append(packet)
        bytes += packet.bytes.count
        if pictures.count > Limits.bridgedPictures || bytes > Limits.bridgedBytes { restart(at: begin) }
    }

    /// The first picture that is not skipped is encoded, as a key frame.
    private mutating func skip(_ packet: MediaPacket) {
        if transcoder == nil { transcoder = try? VideoTranscoder(codec, isLive: true, target: codec) }
        guard transcoder != nil else { return }
        state = .encoding
        _ = transcoder?.take(packet.bytes, pts: packet.pts, isKeyFrame: packet.isKeyFrame, isLate: true)
    }

    private mutating func catchUp(from done: Int) -> [EncodedVideoFrame]? {
        let start = HostClock.now
        let end = min(done + Limits.bridgedAtOnce.upperBound, pictures.count)
        for index in done..<end {
            // Large pictures take so long that what is played would be late.
            let isInTime = HostClock.now - start <= Limits.bridgedTime
            guard isInTime || index - done < Limits.bridgedAtOnce.lowerBound else {
                state = .catchingUp(index)
                return nil
            }
            let picture = pictures[index]
            let isLast = index == pictures.count - 1
            let made = transcoder?.take(
                picture.bytes, pts: picture.pts, isKeyFrame: picture.isKeyFrame, isLate: !isLast)
            // The first picture of an encoder is a key frame.
            guard isLast, let made, !made.isEmpty else { continue }
            state = .encoding
            pictures = []
            return made
        }
        state = .catchingUp(end)
        return nil
    }
}
