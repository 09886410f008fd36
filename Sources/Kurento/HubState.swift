import Session

/// What a hub knows of its ports. Objects go by their ids.
struct HubState: Codable, Equatable {
    /// What leaves `sink` is what arrives at `source`.
    struct Connection: Codable, Equatable {
        var source: String
        var sink: String
        /// An ``ElementGraph/MediaType``.
        var type: String
    }

    /// Of a Dispatcher, a DispatcherOneToMany or a Mixer, in the order in which they were made.
    private(set) var connections: [Connection] = []
    /// Of an AlphaBlending.
    var arrangement = BlendingArrangement()

    /// Has the sink get what arrives at the source. A connection that is there becomes the newest.
    mutating func connect(_ source: String, _ sink: String, _ type: ElementGraph.MediaType) {
        disconnect(source, sink, type)
        connections.append(Connection(source: source, sink: sink, type: type.rawValue))
    }

    mutating func disconnect(_ source: String, _ sink: String, _ type: ElementGraph.MediaType) {
        connections.removeAll { $0 == Connection(source: source, sink: sink, type: type.rawValue) }
    }

    /// Nothing feeds the sink any more.
    mutating func disconnect(from sink: String) { connections.removeAll { $0.sink == sink } }

    mutating func disconnectAll() { connections = [] }

    /// Those that are connected to the sink, the newest last.
    func sources(of sink: String, _ type: ElementGraph.MediaType) -> [String] {
        connections.filter { $0.sink == sink && $0.type == type.rawValue }.map(\.source)
    }

    /// - Parameter element: the port's, where it has one.
    mutating func remove(_ port: String, _ element: EndpointID?) {
        connections.removeAll { $0.source == port || $0.sink == port }
        guard let element else { return }
        if arrangement.master == element { arrangement.master = nil }
        arrangement.places.removeAll { $0.port == element }
    }
}
