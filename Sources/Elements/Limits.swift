import Wire

/// Bounds of the media plane.
enum Limits {
    /// Bytes of a URI.
    static let uriBytes = 4096
    /// Elements that one worker carries; each has a thread.
    static let elements = 128
    /// How long a process that ends waits for its recordings to be whole.
    static let farewell = Duration.seconds(3)
    /// What a player reads ahead of a file.
    static let readAhead = Interval.seconds(1)
    /// Bytes that a player reads ahead at most.
    static let readAheadBytes = 16 << 20
    /// How often a player that waits for its resource looks at it.
    static let sourceLook = Interval.milliseconds(5)
    /// What a player may be behind and still catch up; after that it goes on from where it is.
    static let longestLag = Interval.milliseconds(500)
    /// What a picture may be late and is still shown, where it has to be encoded.
    static let lateness = Interval.milliseconds(150)
    /// From one sender report to the next (RFC 3550 section 6.2).
    static let reportInterval = Interval.seconds(1)
    /// Bytes of one RTP payload.
    static let payloadBytes = 1160
    /// How long a recording waits for the other kind of media before it begins without it.
    static let trackPatience = Interval.seconds(2)
    /// How long a recording waits for a packet that is missing.
    static let packetPatience = Interval.milliseconds(600)
    /// Bytes of media that wait for a recording to begin.
    static let waitingBytes = 32 << 20
    /// From one request for a key frame to the next.
    static let keyFrameInterval = Interval.milliseconds(500)
    /// How long a filter waits for a packet that is missing: a call goes on without it.
    static let filterPatience = Interval.milliseconds(200)
    /// From one report of a code to the next while it stays in the picture.
    static let codeInterval = Interval.seconds(1)
    /// Images that one filter lays over its pictures.
    static let images = 32
    /// Characters, and bytes, of a message that is written on pictures.
    static let shownCharacters = 256
    /// How long an element's thread sleeps at most.
    static let longestSleep = Interval.milliseconds(200)
}
