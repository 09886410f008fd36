/// Bounds on what pages may make the gallery hold or do. Whoever reaches one is told so, and nobody else is harmed.
/// Values are our own.
enum Limits {
    /// Bytes of one message. The largest offers of browsers are near 30 KiB.
    static let messageBytes = 64 << 10
    /// Pages that are connected at a time.
    static let visitors = 1_000
    /// Bytes of a person's or a room's name.
    static let nameBytes = 64
    /// Bytes of an address to play.
    static let addressBytes = 2_048
    /// Candidates that wait for their endpoint, and messages that wait for the one that tells which application is
    /// meant.
    static let early = 64
    /// Events of the media server that wait to be handled for one page; older ones make room.
    static let queuedEvents = 1_024
    /// Viewers of one presenter.
    static let viewers = 500
    /// Rooms of one application, and people in one of them: each gets a connection from each.
    static let rooms = 100
    static let participants = 16
    /// Recordings that are kept at a time.
    static let recordings = 32
    /// How long a recording may last, and how long somebody may be called.
    static let recordingTime = Duration.seconds(180)
    static let ringingTime = Duration.seconds(60)
}
