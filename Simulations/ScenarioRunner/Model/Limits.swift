import Wire

/// Bounds on what a scenario file can ask for.
enum Limits {
    static let fileBytes = 1 << 20
    static let depth = 12
    static let gateways = 128
    static let hosts = 128
    static let servers = 32
    /// TURN servers of one side of a call.
    static let serversPerSide = 4
    static let calls = 64
    static let events = 4096
    static let expectations = 256
    static let addressesPerDevice = 256
    static let nameCharacters = 32
    static let duration = Interval.seconds(86_400)
    static let interval = Interval.seconds(86_400)
    /// Datagrams that a paused host's socket buffer holds.
    static let pausedDatagrams = 1000
}
