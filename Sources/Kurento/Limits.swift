import Wire

/// Bounds on what a client may make the engine hold or do. A client that reaches one is refused with
/// a Kurento error; nothing already there is lost. Values are our own unless a source is named.
enum Limits {
    /// Bytes of one frame.
    static let frameBytes = 1 << 20
    /// Nesting of arrays and objects in a frame.
    static let jsonDepth = 64
    /// Objects that one session may reference.
    static let objectsPerSession = 10_000
    /// Elements of one pipeline.
    static let elementsPerPipeline = 2_000
    /// Ports of one hub that mixes: each has a thread, and a picture has a cell for each.
    static let mixedPorts = 64
    /// Requests in one transaction.
    static let transactionOperations = 1_000
    /// Tags on one object, and bytes of a key or a value.
    static let tagsPerObject = 128
    static let tagBytes = 4_096
    /// Subscriptions of one session.
    static let subscriptionsPerSession = 20_000
    /// Bytes of a session id that a client chose.
    static let sessionIDBytes = 128
    /// Bytes of a name or another free text property.
    static let propertyBytes = 4_096
    /// Commands that a filter is told again when its process begins anew.
    static let toldCommands = 64
    /// Bytes of a session description. Browsers' largest are near 30 KiB.
    static let descriptionBytes = 256 << 10
    /// Bytes of one ICE candidate attribute.
    static let candidateBytes = 1_024
    /// Bytes of a media section's identification tag.
    static let midBytes = 256
    /// Remote candidates that one endpoint accepts.
    static let candidatesPerEndpoint = 256
    /// Frames that wait for a client that does not read; events beyond are dropped.
    static let queuedFrames = 4_096
    /// Responses kept for repeated requests, and their bytes.
    static let cachedResponses = 50_000
    static let cachedBytes = 64 << 20
    /// Events kept for a session whose client is away, and bytes of them that outlive the process.
    static let waitingEvents = 1_024
    static let keptEventBytes = 256 << 10
    /// From an event to the writing down of what it changed; and from a write that failed to the next.
    static let persistencePause = Duration.milliseconds(20)
    static let persistenceRetry = Duration.milliseconds(250)
    /// How often records are kept from passing away.
    static let refreshPeriod = Duration.seconds(60)
    /// How often, and after what time again, a player that opens its resource is asked what that is.
    static let sourceLooks = 40
    static let sourceLook = Duration.milliseconds(50)
    /// Seconds that a session of uploads lasts without one: a day.
    static let disconnectionTimeout: Int64 = 86_400
    /// Milliseconds that a player reads ahead.
    static let networkCache = 10_000
}
