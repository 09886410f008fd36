/// What an operator may set about the gallery.
public struct GalleryConfiguration: Sendable {
    /// The directory that recordings are made in, an absolute path; nil where no files are allowed.
    public var directory: String?
    /// An `http://` or `https://` address below which recordings of hello-world-repository are put; nil keeps them in
    /// ``directory``.
    public var repository: String?
    /// Calls of `/call` are recorded too, not only those of `/onetoonerecording`.
    public var recordsCalls = false
    /// Begins the names of recordings, so that controllers that share a directory do not meet.
    public var prefix: String
    /// After this time a recording ends by itself.
    var recordingTime = Limits.recordingTime

    public init(directory: String?, prefix: String) {
        self.directory = directory
        self.prefix = prefix
    }
}
