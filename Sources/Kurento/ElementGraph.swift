import RTP
import Session

/// Who feeds whom within one pipeline, as clients connected it.
///
/// A sink pad (an element, a media type, a description) has at most one source. Endpoints are real;
/// PassThroughs are not: ``routes(endpoints:)`` follows the chains through them.
struct ElementGraph {
    enum MediaType: String, CaseIterable {
        case audio = "AUDIO"
        case video = "VIDEO"
        case data = "DATA"

        /// Nil for data, which no route carries yet.
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

    private struct Pad: Hashable {
        var element: String
        var type: MediaType
        var description: String
    }

    private var sources: [Pad: (link: Link, order: UInt64)] = [:]
    private var linksMade: UInt64 = 0

    /// In the order in which they were made.
    var links: [Link] { sources.values.sorted { $0.order < $1.order }.map(\.link) }

    /// Makes the link and returns what fed that pad before.
    mutating func connect(_ link: Link) -> Link? {
        let pad = Pad(element: link.sink, type: link.type, description: link.sinkDescription)
        linksMade += 1
        return sources.updateValue((link, linksMade), forKey: pad)?.link
    }

    /// False when there is no such link.
    mutating func disconnect(_ link: Link) -> Bool {
        let pad = Pad(element: link.sink, type: link.type, description: link.sinkDescription)
        guard sources[pad]?.link == link else { return false }
        sources[pad] = nil
        return true
    }

    /// Takes out all links from and to the element and returns them.
    mutating func remove(_ element: String) -> [Link] {
        let removed = links.filter { $0.source == element || $0.sink == element }
        for link in removed { _ = disconnect(link) }
        return removed
    }

    func linksInto(_ element: String) -> [Link] { links.filter { $0.sink == element } }
    func linksOutOf(_ element: String) -> [Link] { links.filter { $0.source == element } }

    /// The endpoint whose media arrives at `element`, through any PassThroughs; nil for none or a loop of them.
    func origin(of element: String, _ type: MediaType, endpoints: [String: EndpointID]) -> EndpointID? {
        var visited: Set<String> = []
        var current = element
        while visited.insert(current).inserted {
            let pad = Pad(element: current, type: type, description: Self.defaultDescription)
            guard let link = sources[pad]?.link, link.sourceDescription == Self.defaultDescription else { return nil }
            if let endpoint = endpoints[link.source] { return endpoint }
            current = link.source
        }
        return nil
    }

    /// Which endpoint feeds which, by kind.
    func routes(endpoints: [String: EndpointID]) -> [SinkRoute: EndpointID] {
        var routes: [SinkRoute: EndpointID] = [:]
        for pad in sources.keys where pad.description == Self.defaultDescription {
            guard let kind = pad.type.kind, let sink = endpoints[pad.element] else { continue }
            if let source = origin(of: pad.element, pad.type, endpoints: endpoints) {
                routes[SinkRoute(sink: sink, kind: kind)] = source
            }
        }
        return routes
    }
}
