import RTP
import Session

/// Who feeds whom within one pipeline, as clients connected it.
///
/// A sink pad (an element, a media type, a description) has at most one source. Endpoints are real; PassThroughs are
/// not, nor are filters for what they leave alone: ``routes(_:)`` follows the chains through them, and from port to
/// port of a hub that only passes on.
struct ElementGraph {
    enum MediaType: String, CaseIterable {
        case audio = "AUDIO"
        case video = "VIDEO"
        case data = "DATA"

        /// Nil for data, which are routed apart.
        var kind: MediaKind? {
            switch self {
            case .audio: .audio
            case .video: .video
            case .data: nil
            }
        }

        init(_ kind: MediaKind) {
            switch kind {
            case .audio: self = .audio
            case .video: self = .video
            }
        }
    }

    /// The description of a pad when the client names none. Only such pads carry media.
    static let defaultDescription = "default"

    struct Link: Hashable {
        var source: String
        var sink: String
        var type: MediaType
        var sourceDescription = ElementGraph.defaultDescription
        var sinkDescription = ElementGraph.defaultDescription
    }

    /// A media kind into an endpoint.
    struct SinkRoute: Hashable {
        var sink: EndpointID
        var kind: MediaKind
    }

    /// What the media plane has for the elements.
    struct Endpoints {
        /// That take media of a type.
        var sinks: [MediaType: [String: EndpointID]] = [:]
        /// That give media of a type. What comes to any other element of that type goes through it.
        var sources: [MediaType: [String: EndpointID]] = [:]
    }

    /// A port of a hub.
    struct Port: Equatable {
        /// Where what leaves the port comes from.
        enum Outlet: Equatable {
            case endpoint(EndpointID)
            /// What arrives at another port, or at the same.
            case port(String)
        }

        /// What an endpoint of the port's own takes; the rest of what arrives can only be passed on.
        var taken: Set<MediaKind> = []
        var outlets: [MediaType: Outlet] = [:]
    }

    private struct Pad: Hashable {
        var element: String
        var type: MediaType
        var description: String
    }

    private var sources: [Pad: (link: Link, order: UInt64)] = [:]
    /// The pads of all links from or to an element, so that a pipeline of thousands can be taken apart quickly.
    private var pads: [String: Set<Pad>] = [:]
    private var linksMade: UInt64 = 0
    /// By their elements.
    var ports: [String: Port] = [:]

    /// In the order in which they were made.
    var links: [Link] { Self.inOrder(Array(sources.values)) }

    private static func inOrder(_ entries: [(link: Link, order: UInt64)]) -> [Link] {
        entries.sorted { $0.order < $1.order }.map(\.link)
    }

    private static func sinkPad(of link: Link) -> Pad {
        Pad(element: link.sink, type: link.type, description: link.sinkDescription)
    }

    /// Makes the link and returns what fed that pad before.
    @discardableResult
    mutating func connect(_ link: Link) -> Link? {
        let pad = Self.sinkPad(of: link)
        let replaced = sources[pad]?.link
        if let replaced { _ = disconnect(replaced) }
        linksMade += 1
        sources[pad] = (link, linksMade)
        pads[link.source, default: []].insert(pad)
        pads[link.sink, default: []].insert(pad)
        return replaced
    }

    /// False when there is no such link.
    mutating func disconnect(_ link: Link) -> Bool {
        let pad = Self.sinkPad(of: link)
        guard sources[pad]?.link == link else { return false }
        sources[pad] = nil
        for element in [link.source, link.sink] {
            pads[element]?.remove(pad)
            if pads[element]?.isEmpty == true { pads[element] = nil }
        }
        return true
    }

    /// Takes out all links from and to the element and returns them.
    mutating func remove(_ element: String) -> [Link] {
        ports[element] = nil
        let removed = links(of: element)
        for link in removed { _ = disconnect(link) }
        return removed
    }

    private func links(of element: String) -> [Link] {
        Self.inOrder((pads[element] ?? []).compactMap { sources[$0] })
    }

    func linksInto(_ element: String) -> [Link] { links(of: element).filter { $0.sink == element } }
    func linksOutOf(_ element: String) -> [Link] { links(of: element).filter { $0.source == element } }

    /// The endpoint whose media arrives at `element`, through what only passes it on; nil for none or a loop of those.
    func origin(of element: String, _ type: MediaType, _ endpoints: Endpoints) -> EndpointID? {
        var visited: Set<String> = []
        var current = element
        while visited.insert(current).inserted {
            let pad = Pad(element: current, type: type, description: Self.defaultDescription)
            guard let link = sources[pad]?.link, link.sourceDescription == Self.defaultDescription else { return nil }
            switch outlet(of: link.source, type, endpoints) {
            case .endpoint(let endpoint): return endpoint
            case .port(let other): current = other
            case nil: return nil
            }
        }
        return nil
    }

    /// Where what leaves an element comes from.
    private func outlet(of element: String, _ type: MediaType, _ endpoints: Endpoints) -> Port.Outlet? {
        if let port = ports[element] { return port.outlets[type] }
        return endpoints.sources[type]?[element].map { .endpoint($0) } ?? .port(element)
    }

    /// The endpoint whose media leaves `element`.
    func source(of element: String, _ type: MediaType, _ endpoints: Endpoints) -> EndpointID? {
        switch outlet(of: element, type, endpoints) {
        case .endpoint(let endpoint): endpoint
        case .port(let other): origin(of: other, type, endpoints)
        case nil: nil
        }
    }

    /// Which endpoint feeds which, by kind.
    func routes(_ endpoints: Endpoints) -> [SinkRoute: EndpointID] {
        var routes: [SinkRoute: EndpointID] = [:]
        for pad in sources.keys where pad.description == Self.defaultDescription {
            guard let kind = pad.type.kind, let sink = endpoints.sinks[pad.type]?[pad.element],
                ports[pad.element]?.taken.contains(kind) != false
            else { continue }
            if let source = origin(of: pad.element, pad.type, endpoints) {
                routes[SinkRoute(sink: sink, kind: kind)] = source
            }
        }
        return routes
    }

    /// Whose data which endpoint gets, of those that take and give data.
    func dataRoutes(_ endpoints: Endpoints) -> [EndpointID: EndpointID] {
        var routes: [EndpointID: EndpointID] = [:]
        for pad in sources.keys where pad.type == .data && pad.description == Self.defaultDescription {
            guard let sink = endpoints.sinks[.data]?[pad.element],
                let source = origin(of: pad.element, .data, endpoints)
            else {
                continue
            }
            routes[sink] = source
        }
        return routes
    }
}
