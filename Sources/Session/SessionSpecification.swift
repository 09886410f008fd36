/// All that a worker needs to build a session anew, or one shard of it. A worker's state is a cache of it.
///
/// Of a session with several shards each has its own: its endpoints, and the routes that end at them. A
/// route may begin in another shard; pipes are made from such routes and are not kept here, for their keys
/// must not serve twice.
///
/// Endpoints and routes keep the order in which they were made, so that equal histories give equal text.
public struct SessionSpecification: Hashable, Sendable, Codable {
    public var endpoints: [SpecifiedEndpoint]
    /// Nil where there never were any.
    public var elements: [SpecifiedElement]?
    /// Endpoints of plain RTP. Nil where there never were any.
    public var plains: [SpecifiedPlain]?
    public var routes: [Route]
    /// Of data channels, which no pipe carries: both ends are in this shard. Nil where there never were any.
    public var dataRoutes: [DataRoute]?

    public init(endpoints: [SpecifiedEndpoint] = [], routes: [Route] = []) {
        self.endpoints = endpoints
        self.routes = routes
    }

    /// Takes in an operation that a worker has done. Operations that leave no trace change nothing.
    public mutating func apply(_ operation: Operation) {
        switch operation {
        case .openEndpoint(let id, let specification):
            if let index = index(of: id) {
                endpoints[index].specification = specification
            } else {
                endpoints.append(SpecifiedEndpoint(id: id, specification: specification))
            }
        case .negotiateEndpoint(let id, let negotiated):
            if let index = index(of: id) { endpoints[index].negotiated = negotiated }
        case .addCandidate(let id, let candidate):
            guard let index = index(of: id), !endpoints[index].candidates.contains(candidate),
                endpoints[index].candidates.count < Limits.candidatesPerEndpoint
            else { return }
            endpoints[index].candidates.append(candidate)
        case .restartEndpoint(let id, let restart):
            guard let index = index(of: id) else { return }
            endpoints[index].specification.localUfrag = restart.localUfrag
            endpoints[index].specification.localPassword = restart.localPassword
            endpoints[index].negotiated?.remoteUfrag = restart.remoteUfrag
            endpoints[index].negotiated?.remotePassword = restart.remotePassword
            endpoints[index].candidates = []
        case .connect(let route):
            routes.removeAll { $0.sink == route.sink && $0.kind == route.kind && $0.section == route.section }
            routes.append(route)
        case .disconnect(let route):
            routes.removeAll { $0 == route }
        case .closeEndpoint(let id):
            endpoints.removeAll { $0.id == id }
            elements?.removeAll { $0.id == id }
            plains?.removeAll { $0.id == id }
            routes.removeAll { $0.source == id || $0.sink == id }
            dataRoutes?.removeAll { $0.source == id || $0.sink == id }
        case .connectData(let route):
            dataRoutes?.removeAll { $0.sink == route.sink }
            dataRoutes = (dataRoutes ?? []) + [route]
        case .disconnectData(let route):
            dataRoutes?.removeAll { $0 == route }
        case .closeSession:
            endpoints = []
            elements = nil
            plains = nil
            routes = []
            dataRoutes = nil
        case .selectLayers(let id, let selection):
            guard let index = index(of: id) else { return }
            endpoints[index].layers.removeAll { $0.section == selection.section || selection.section == nil }
            endpoints[index].layers.append(selection)
        case .openElement(let id, let specification):
            elements =
                (elements ?? []).filter { $0.id != id } + [SpecifiedElement(id: id, specification: specification)]
        case .openPlain(let id, let specification):
            plains = (plains ?? []).filter { $0.id != id } + [SpecifiedPlain(id: id, specification: specification)]
        case .negotiatePlain(let id, let negotiated):
            guard let index = plains?.firstIndex(where: { $0.id == id }) else { return }
            plains?[index].media = negotiated.sections.map(\.media)
        case .requestKeyFrame, .readStatistics, .commandElement, .readElement, .openPipe, .connectPipe, .attend,
            .openDataChannel, .closeDataChannel:
            break
        }
    }

    /// The operations that build this session on an empty worker. Routes from other shards are left to
    /// whoever makes the pipes.
    public var operations: [Operation] {
        var operations: [Operation] = []
        for endpoint in endpoints {
            operations.append(.openEndpoint(endpoint.id, endpoint.specification))
            operations += endpoint.candidates.map { .addCandidate(endpoint.id, $0) }
            if let negotiated = endpoint.negotiated { operations.append(.negotiateEndpoint(endpoint.id, negotiated)) }
            operations += endpoint.layers.map { .selectLayers(endpoint.id, $0) }
        }
        operations += (elements ?? []).map { .openElement($0.id, $0.specification) }
        operations += (plains ?? []).map { .openPlain($0.id, $0.specification) }
        let names = Set(names)
        operations += routes.filter { names.contains($0.source) }.map { .connect($0) }
        return operations + (dataRoutes ?? []).map { .connectData($0) }
    }

    /// What the endpoint or media element has negotiated; empty before.
    public func media(of id: EndpointID) -> [NegotiatedMedia] {
        if let index = index(of: id) { return endpoints[index].negotiated?.media ?? [] }
        if let element = elements?.first(where: { $0.id == id }) { return element.media }
        return plains?.first { $0.id == id }?.media ?? []
    }

    /// A media element has said what it sends and takes.
    public mutating func setMedia(_ media: [NegotiatedMedia], ofElement id: EndpointID) {
        guard let index = elements?.firstIndex(where: { $0.id == id }) else { return }
        elements?[index].media = media
    }

    /// Of peers' endpoints, media elements and endpoints of plain RTP.
    public var names: [EndpointID] {
        endpoints.map(\.id) + (elements ?? []).map(\.id) + (plains ?? []).map(\.id)
    }

    private func index(of id: EndpointID) -> Int? { endpoints.firstIndex { $0.id == id } }
}

/// One endpoint of a ``SessionSpecification``.
public struct SpecifiedEndpoint: Hashable, Sendable, Codable {
    public var id: EndpointID
    public var specification: EndpointSpecification
    public var negotiated: NegotiatedEndpoint?
    /// Remote candidates in the order in which they came.
    public var candidates: [String]
    /// Layers that were chosen, at most one for each section.
    public var layers: [LayerSelection]

    public init(
        id: EndpointID, specification: EndpointSpecification, negotiated: NegotiatedEndpoint? = nil,
        candidates: [String] = [], layers: [LayerSelection] = []
    ) {
        self.id = id
        self.specification = specification
        self.negotiated = negotiated
        self.candidates = candidates
        self.layers = layers
    }
}

/// One media element of a ``SessionSpecification``.
public struct SpecifiedElement: Hashable, Sendable, Codable {
    public var id: EndpointID
    public var specification: ElementSpecification
    /// What the element said that it sends and takes.
    public var media: [NegotiatedMedia]

    public init(id: EndpointID, specification: ElementSpecification, media: [NegotiatedMedia] = []) {
        self.id = id
        self.specification = specification
        self.media = media
    }
}

/// One endpoint of plain RTP in a ``SessionSpecification``.
///
/// What was negotiated is kept for its media alone: on another worker it would have other ports, which nobody can tell
/// the peer, and its keys must not serve two lives (RFC 3711 section 9.1).
public struct SpecifiedPlain: Hashable, Sendable, Codable {
    public var id: EndpointID
    public var specification: PlainSpecification
    public var media: [NegotiatedMedia]

    public init(id: EndpointID, specification: PlainSpecification, media: [NegotiatedMedia] = []) {
        self.id = id
        self.specification = specification
        self.media = media
    }
}
