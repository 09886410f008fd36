import RTP
import Session

/// One object that clients can name: the server manager, a pipeline or an element.
final class MediaObject {
    static let serverManagerID = "manager_ServerManager"

    let id: String
    /// Name of its class in the ``TypeRegistry``.
    let type: String
    weak let parent: MediaObject?
    /// The pipeline that it is, or belongs to. Nil for the server manager.
    let pipeline: Pipeline?
    /// Seconds since 1970.
    let creationTime: Int64

    var children: [MediaObject] = []
    /// Among the children of its parent, from 1.
    var order = 0
    var name: String
    var tags: [(key: String, value: String)] = []
    var sendsTagsInEvents = false
    /// Properties that clients set and that have no other home.
    var properties: [String: JSONValue] = [:]
    /// Sessions that reference the object; it goes with the last.
    var sessions: Set<String> = []
    /// By event name as it was asked for, in order of subscription.
    var subscribers: [String: [Subscriber]] = [:]
    /// What a WebRtcEndpoint or an RtpEndpoint has beyond other elements.
    var endpoint: EndpointState?
    /// What an object has that is a media element of the media plane: a player, a recorder, a hub or a port of one.
    var element: ElementState?
    /// What a hub has beyond other objects.
    var hub: HubState?
    /// In which codec its media come into the pipeline, once any do.
    var codecs = PerKind<CodecParameters?>(nil)
    /// Whether a player or a recorder encodes its media anew.
    var encodesAnew = PerKind(false)
    /// Whether what leaves it is encoded anew on its way, as clients were told last.
    var transcodes = PerKind<Bool?>(nil)
    var isReleased = false

    /// A session's subscriptions to one event: any number of ids, one delivery.
    struct Subscriber {
        var session: String
        var subscriptions: Set<String>
    }

    init(id: String, type: String, parent: MediaObject?, pipeline: Pipeline?, createdAt milliseconds: Int64) {
        self.id = id
        self.type = type
        self.parent = parent
        self.pipeline = pipeline
        creationTime = milliseconds / 1000
        name = id
    }

    convenience init(serverManagerCreatedAt milliseconds: Int64) {
        self.init(
            id: Self.serverManagerID, type: "ServerManager", parent: nil, pipeline: nil, createdAt: milliseconds)
    }

    /// All below it, parents before their children.
    var descendants: [MediaObject] { children.flatMap { [$0] + $0.descendants } }

    func addSubscription(_ subscription: String, to event: String, of session: String) {
        var list = subscribers[event] ?? []
        if let index = list.firstIndex(where: { $0.session == session }) {
            list[index].subscriptions.insert(subscription)
        } else {
            list.append(Subscriber(session: session, subscriptions: [subscription]))
        }
        subscribers[event] = list
    }

    func removeSubscription(_ subscription: String, to event: String, of session: String) {
        guard var list = subscribers[event], let index = list.firstIndex(where: { $0.session == session }) else {
            return
        }
        list[index].subscriptions.remove(subscription)
        if list[index].subscriptions.isEmpty { list.remove(at: index) }
        subscribers[event] = list.isEmpty ? nil : list
    }
}

/// What the elements of one pipeline share.
final class Pipeline {
    /// Its name in the media plane.
    let session: SessionID
    /// Whatever changes the pipeline passes it, so operations on one pipeline never interleave.
    let gate = SerialGate()
    weak var object: MediaObject?
    var graph = ElementGraph()
    /// The routes that the media plane carries now.
    var routes: [ElementGraph.SinkRoute: EndpointID] = [:]
    /// The same of data, by sinks.
    var dataRoutes: [EndpointID: EndpointID] = [:]
    var endpoints: [EndpointID: MediaObject] = [:]
    /// Those that the media plane has now.
    var transcoders: [EndpointID: Transcoder] = [:]
    /// Sinks whose clients know that their peers cannot decode what they get.
    var gaps: Set<ElementGraph.SinkRoute> = []
    /// Why the media plane no longer holds the pipeline.
    var loss: Refusal?
    /// Of the last event of the media plane that was taken.
    var position: String?

    init(session: SessionID) { self.session = session }

    /// Endpoints in a reproducible order: that of their creation.
    var orderedEndpoints: [MediaObject] { object?.children.filter { $0.endpoint != nil } ?? [] }
}
