public import Wire

/// One of the four ways of an endpoint of plain RTP: RTP or RTCP of audio or of video, each with a UDP port of its own.
public struct PlainComponent: Hashable, Sendable, BitwiseCopyable {
    /// 0 to 3: the odd ones are RTCP's, the upper two video's.
    public let index: Int

    public static let count = 4

    public init(isVideo: Bool, isControl: Bool) { index = (isVideo ? 2 : 0) + (isControl ? 1 : 0) }

    /// In 0..<``count``.
    public init(index: Int) {
        precondition(index >= 0 && index < Self.count)
        self.index = index
    }

    public var isVideo: Bool { index > 1 }
    public var isControl: Bool { index & 1 == 1 }

    /// Stands for the component's socket in tuples: no socket that several endpoints share has this number.
    public var socket: UInt8 { Self.firstSocket + UInt8(truncatingIfNeeded: index) }

    private static let firstSocket: UInt8 = 240

    /// Nil for the tuples of others.
    public init?(of tuple: Tuple) {
        guard tuple.socket >= Self.firstSocket, tuple.socket < Self.firstSocket + UInt8(Self.count) else { return nil }
        index = Int(tuple.socket - Self.firstSocket)
    }
}
