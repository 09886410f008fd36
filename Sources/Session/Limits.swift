/// Bounds of the cluster model.
enum Limits {
    /// Remote candidates kept per endpoint, in pieces. A browser sends about ten; several times that
    /// leaves room for ICE restarts.
    static let candidatesPerEndpoint = 64
    /// Workers that one controller watches, in pieces. One look at the store reads them all.
    static let watchedWorkers = 1024
}
