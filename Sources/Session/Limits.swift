/// Bounds of the cluster model.
enum Limits {
    /// Remote candidates kept per endpoint, in pieces. A browser sends about ten; several times that
    /// leaves room for ICE restarts.
    static let candidatesPerEndpoint = 64
    /// Workers that one controller watches, in pieces. One look at the store reads them all.
    static let watchedWorkers = 1024
    /// SSRCs that one end of a pipe sends with. A SRTP context tells 32 inbound streams apart.
    static let ssrcsPerPipe = 30
    /// Simulcast layers of one section that a pipe carries; browsers send three.
    static let encodingsPerPipeSection = 4
    /// Addresses looked at for each end of a pipe: as many as a reactor has sockets.
    static let addressesPerPipe = 16
    /// Incarnations of workers whose direct heartbeats a controller keeps count of, in pieces.
    static let heartbeatSenders = 4 * watchedWorkers
    /// Controllers that a worker sends direct heartbeats to, and addresses of each.
    static let heartbeatTargets = 64
    static let addressesPerTarget = 8
    /// Answers of the store without a controller until a worker stops sending to it: some twenty seconds.
    static let missedReads = 10
    /// Bytes of a filter's description, and of a value in it.
    static let filterTextBytes = 4096
    /// Pixels of either side of a hub's picture, and of the whole.
    static let hubSide = 16...1920
    static let hubPixels = 1920 * 1080
    /// Pictures a second of a hub.
    static let hubFrameRate = 1...30
}
