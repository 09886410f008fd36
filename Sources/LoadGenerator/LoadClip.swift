import Payload
import RTP
import Wire

/// Media that a decoder can make something of, sent over and over by publishers whose server does more than forward.
public struct LoadClip: Sendable, Hashable {
    /// VP8 frames; the first is a key frame, and the first follows on the last.
    public var pictures: [[UInt8]]
    public var framesPerSecond: Int
    /// Opus packets of 20 ms each; empty for no sound.
    public var sound: [[UInt8]]

    public init(pictures: [[UInt8]], framesPerSecond: Int, sound: [[UInt8]]) {
        self.pictures = pictures
        self.framesPerSecond = framesPerSecond
        self.sound = sound
    }

    /// Bits of the pictures in a second.
    public var bitsPerSecond: Int {
        guard !pictures.isEmpty else { return 0 }
        return pictures.reduce(0) { $0 + $1.count } * 8 * framesPerSecond / pictures.count
    }
}

/// The pictures or the sound of a clip on their way out of one publisher.
struct ClipTrack: Sendable {
    private let frames: [[UInt8]]
    private var packetizer: Packetizer
    /// Of `frames`.
    private var next = 0
    /// Of the frame that ``advance(fromKeyFrame:)`` chose.
    private(set) var payloads: [PacketPayload] = []
    /// That frame is the clip's first.
    private(set) var isFirst = false

    init(_ clip: LoadClip, _ kind: MediaKind, random: inout SeededRandom) {
        frames = kind == .video ? clip.pictures : clip.sound
        packetizer = Packetizer(kind == .video ? .vp8 : .opus, random: &random)
    }

    /// Goes on to the next frame, or to the first where a receiver has lost the thread.
    mutating func advance(fromKeyFrame: Bool) throws(ParseError) {
        if fromKeyFrame || next >= frames.count { next = 0 }
        isFirst = next == 0
        payloads = frames.isEmpty ? [] : try packetizer.packetize(frames[next])
        next += 1
    }

    /// Writes payload `index` to `packet` from `start` on; returns where it ends.
    func write(_ index: Int, into packet: inout MutableRawSpan, at start: Int) throws(ParseError) -> Int {
        let bytes = payloads[index].bytes
        let end = start + bytes.count
        guard end <= packet.byteCount else { throw .overLimit }
        unsafe packet.store(contentsOf: bytes.span.bytes, at: start)
        return end
    }
}
