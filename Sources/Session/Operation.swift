public import RTP

/// What a controller asks of the worker that owns a session. Every operation is idempotent: doing it
/// twice leaves what doing it once left.
public enum Operation: Hashable, Sendable, Codable {
    /// Opens a peer transport. Answered by ``Outcome/opened(_:)``.
    case openEndpoint(EndpointID, EndpointSpecification)
    /// Applies what offer and answer agreed on; from now on ICE checks and DTLS may run.
    case negotiateEndpoint(EndpointID, NegotiatedEndpoint)
    /// Adds a remote candidate, in the form of an SDP `candidate:` attribute; may precede negotiation.
    case addCandidate(EndpointID, String)
    /// New ICE credentials on both sides, for the same association and media (RFC 8445 section 9). Candidates of the
    /// former generation are forgotten; media goes on over the former path until a new one works.
    case restartEndpoint(EndpointID, ICERestart)
    /// Media of one kind from one endpoint to another; replaces what fed that sink before.
    case connect(Route)
    case disconnect(Route)
    /// Messages of one endpoint's data channels to another's; replaces what fed that sink before.
    case connectData(DataRoute)
    case disconnectData(DataRoute)
    /// Opens a data channel to the endpoint's peer. Answered by ``Outcome/openedDataChannel(_:)``.
    case openDataChannel(EndpointID, DataChannelSpecification)
    /// By its stream.
    case closeDataChannel(EndpointID, Int)
    /// Chooses which layers of a simulcast or SVC video the endpoint's peer gets.
    case selectLayers(EndpointID, LayerSelection)
    /// Asks the endpoint's peer for a key frame (RFC 4585 section 6.3.1).
    case requestKeyFrame(EndpointID)
    /// Answered by ``Outcome/statistics(_:)``.
    case readStatistics(EndpointID)
    /// Opens one end of a pipe, or changes the media of one that is open under the same keys. Answered by
    /// ``Outcome/openedPipe(_:)``. ``closeEndpoint(_:)`` ends it.
    case openPipe(EndpointID, PipeSpecification)
    /// Names the way that the pipe's packets take; from now on they flow.
    case connectPipe(EndpointID, PipePath)
    /// Opens a media element, which says what it sends and takes: answered by ``Outcome/openedElement(_:)``.
    /// ``closeEndpoint(_:)`` ends it.
    case openElement(EndpointID, ElementSpecification)
    /// Has an element do something. Answered once it is done.
    case commandElement(EndpointID, ElementCommand)
    /// Answered by ``Outcome/element(_:)``.
    case readElement(EndpointID)
    /// Opens an endpoint of plain RTP, which binds ports: answered by ``Outcome/openedPlain(_:)``.
    /// ``closeEndpoint(_:)`` gives them back.
    case openPlain(EndpointID, PlainSpecification)
    /// Applies what offer and answer agreed on for an endpoint of plain RTP. Once for each.
    case negotiatePlain(EndpointID, NegotiatedPlain)
    case closeEndpoint(EndpointID)
    /// Whoever sends this has the session from now on: events go there, and others are refused.
    case attend
    /// Closes all that the session holds on this worker.
    case closeSession
}

/// One media kind from a source endpoint to a sink endpoint. Source and sink may be the same.
public struct Route: Hashable, Sendable, Codable {
    public var source: EndpointID
    public var sink: EndpointID
    public var kind: MediaKind
    /// Which of the sink's sections of this kind, counted from 0, the source's first section of the kind
    /// feeds: for a sink that shows several sources. Nil: sections pair up in their order.
    public var section: Int?

    public init(source: EndpointID, sink: EndpointID, kind: MediaKind, section: Int? = nil) {
        self.source = source
        self.sink = sink
        self.kind = kind
        self.section = section
    }
}

/// From one endpoint's data channels to another's. Source and sink may be the same.
public struct DataRoute: Hashable, Sendable, Codable {
    public var source: EndpointID
    public var sink: EndpointID

    public init(source: EndpointID, sink: EndpointID) {
        self.source = source
        self.sink = sink
    }
}

/// The credentials of a new ICE generation (RFC 8839 section 5.4).
public struct ICERestart: Hashable, Sendable, Codable {
    /// Ours, unique in the cluster.
    public var localUfrag: String
    public var localPassword: String
    public var remoteUfrag: String
    public var remotePassword: String

    public init(localUfrag: String, localPassword: String, remoteUfrag: String, remotePassword: String) {
        self.localUfrag = localUfrag
        self.localPassword = localPassword
        self.remoteUfrag = remoteUfrag
        self.remotePassword = remotePassword
    }
}

/// Which layers of a video a peer gets at most. Where the source has fewer, it gets what there is.
public struct LayerSelection: Hashable, Sendable, Codable {
    /// Which of the sink's video sections, counted from 0; nil all of them.
    public var section: Int?
    /// Simulcast encoding or spatial layer, 0 the smallest; nil the largest there is.
    public var spatial: Int?
    /// Temporal layer, 0 the slowest; nil the fastest there is.
    public var temporal: Int?
    /// Which videos go first where the path to the peer has no room for all: 1 to 10, the higher the earlier and the
    /// more; nil 1.
    public var priority: Int?
    /// Width times height that the video is shown at; nil unknown. More than it takes is not sent.
    public var pixels: Int?

    public init(
        section: Int? = nil, spatial: Int? = nil, temporal: Int? = nil, priority: Int? = nil, pixels: Int? = nil
    ) {
        self.section = section
        self.spatial = spatial
        self.temporal = temporal
        self.priority = priority
        self.pixels = pixels
    }
}

/// What an operation came to.
public enum Outcome: Hashable, Sendable, Codable {
    case done
    case opened(OpenedEndpoint)
    case openedPipe(OpenedPipe)
    case statistics(EndpointStatistics)
    /// The stream of a data channel: the `id` of `RTCDataChannel`.
    case openedDataChannel(Int)
    /// The sections of a media element, as a peer's are negotiated.
    case openedElement([NegotiatedMedia])
    case element(ElementStatus)
    case openedPlain(OpenedPlain)
    /// The answer to ``WorkerOrder/Kind/upgrade``.
    case handedOver(HandOver)
    case refused(Refusal)
}

/// What the controller must tell the client about a transport that a worker opened.
public struct OpenedEndpoint: Hashable, Sendable, Codable {
    /// Host candidates as SDP attribute values: `candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host`.
    public var candidates: [String]
    public var fingerprint: CertificateFingerprint

    public init(candidates: [String], fingerprint: CertificateFingerprint) {
        self.candidates = candidates
        self.fingerprint = fingerprint
    }
}

/// Why a worker or the cluster did not do what was asked.
public struct Refusal: Error, Hashable, Sendable, Codable {
    public enum Reason: String, Hashable, Sendable, Codable {
        /// The worker does not know the session or the endpoint.
        case notFound
        /// The command's epoch is older than the worker's.
        case staleEpoch
        /// A limit of the worker or of the whole cluster is reached; trying later may work.
        case overLimit
        /// The request contradicts what was set before, or is malformed.
        case invalid
        /// No worker is alive to take it.
        case noWorker
        /// No answer within the deadline.
        case timedOut
        /// The store cannot be reached.
        case storeUnavailable
        /// Another controller has the session.
        case elsewhere
        /// The worker that held the session died.
        case workerLost
        /// The worker that held the session was being drained, and its time was up.
        case workerDrained
    }

    public var reason: Reason
    /// A sentence for the log or the client: what, and what to do about it.
    public var message: String
    /// Seconds after which trying again may work; nil when nobody can say.
    public var retryAfter: Int?
    /// Who has the session, where it is `elsewhere`; nil when that is not known.
    public var controller: ControllerID?

    public init(_ reason: Reason, _ message: String, retryAfter: Int? = nil, controller: ControllerID? = nil) {
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
        self.controller = controller
    }
}
