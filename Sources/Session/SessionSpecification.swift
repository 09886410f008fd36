/// All that a worker needs to build a session anew, or one shard of it. A worker's state is a cache of it.
///
/// Of a session with several shards each has its own: its endpoints, and the routes that end at them. A
/// route may begin in another shard; pipes are made from such routes and are not kept here, for their keys
/// must not serve twice.
///
/// Endpoints and routes keep the order in which they were made, so that equal histories give equal text.
public struct SessionSpecification: Hashable, Sendable, Codable {
    public var endpoints: [SpecifiedEndpoint]
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
            routes.removeAll { $0.source == id || $0.sink == id }
            dataRoutes?.removeAll { $0.source == id || $0.sink == id }
        case .connectData(let route):
            dataRoutes?.removeAll { $0.sink == route.sink }
            dataRoutes = (dataRoutes ?? []) + [route]
        case .disconnectData(let route):
            dataRoutes?.removeAll { $0 == route }
        case .closeSession:
            endpoints = []
            routes = []
            dataRoutes = nil
        case .selectLayers(let id, let selection):
            guard let index = index(of: id) else { return }
            endpoints[index].layers.removeAll { $0.section == selection.section || selection.section == nil }
            endpoints[index].layers.append(selection)
        case .requestKeyFrame, .readStatistics, .openPipe, .connectPipe, .attend, .openDataChannel, .closeDataChannel:
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
        operations += routes.filter { index(of: $0.source) != nil }.map { .connect($0) }
        return operations + (dataRoutes ?? []).map { .connectData($0) }
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
