import Session

/// Data channels of a WebRtcEndpoint that was made with `useDataChannels`.
extension MediaServer {
    /// What a client may ask for; RFC 8831 section 6.1 excludes both limits at once.
    func createDataChannel(
        _ object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let endpoint = try dataEndpoint(object)
        // Kurento: less than zero is "no limit".
        let lifeTime = arguments.integer("maxPacketLifeTime")
        let retransmits = arguments.integer("maxRetransmits")
        guard lifeTime < 0 || retransmits < 0 else {
            throw KurentoError(
                .mediaObjectIllegalParameter,
                "Set maxPacketLifeTime or maxRetransmits, not both: the other one has to be -1")
        }
        let (label, name) = (arguments.string("label"), arguments.string("protocol"))
        guard max(label.utf8.count, name.utf8.count) <= Limits.propertyBytes else {
            throw KurentoError(
                .mediaObjectIllegalParameter, "A label and a protocol may have \(Limits.propertyBytes) bytes")
        }
        let specification = DataChannelSpecification(
            name: configuration.drawIdentifier(), label: label, protocolName: name,
            isOrdered: arguments["ordered"]?.asBool ?? true,
            maxPacketLifeTime: lifeTime < 0 ? nil : Int(clamping: lifeTime),
            maxRetransmits: retransmits < 0 ? nil : Int(clamping: retransmits))
        _ = try await perform(.openDataChannel(endpoint.id, specification), in: pipeline)
    }

    func closeDataChannel(
        _ object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) {
        let endpoint = try dataEndpoint(object)
        let id = arguments.integer("channelId")
        guard (0..<65_535).contains(id) else {
            throw KurentoError(.mediaObjectIllegalParameter, "channelId is a stream, from 0 to 65534")
        }
        _ = try await perform(.closeDataChannel(endpoint.id, Int(id)), in: pipeline)
    }

    private func dataEndpoint(_ object: MediaObject) throws(KurentoError) -> EndpointState {
        guard let endpoint = object.endpoint, object.usesDataChannels, endpoint.hasData else {
            throw KurentoError(
                .mediaObjectOperationNotSupported,
                "Data channels are not supported: create the endpoint with useDataChannels, and negotiate them first")
        }
        return endpoint
    }

    /// Makes the media plane's routes of data those that the graph asks for. An endpoint without data channels takes
    /// and gives none, so nothing is asked of the media plane for it.
    func applyDataRoutes(of pipeline: Pipeline) async throws(KurentoError) {
        let wanted = dataRoutes(of: pipeline)
        let former = pipeline.dataRoutes.filter { wanted[$0.key] == nil }
        for (sink, source) in former.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            _ = try await perform(.disconnectData(DataRoute(source: source, sink: sink)), in: pipeline)
            pipeline.dataRoutes[sink] = nil
        }
        let missing = wanted.filter { pipeline.dataRoutes[$0.key] != $0.value }
        for (sink, source) in missing.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            _ = try await perform(.connectData(DataRoute(source: source, sink: sink)), in: pipeline)
            pipeline.dataRoutes[sink] = source
        }
    }

    /// Those that the graph asks for, by sinks.
    func dataRoutes(of pipeline: Pipeline) -> [EndpointID: EndpointID] {
        var sinks: [String: EndpointID] = [:]
        var sources: [String: EndpointID] = [:]
        for (id, object) in pipeline.endpoints {
            if object.takesData { sinks[object.id] = id }
            // A connection from an endpoint without data channels brings nothing, not what comes to that endpoint.
            if !object.passes(.data) { sources[object.id] = id }
        }
        guard !sinks.isEmpty else { return [:] }
        let endpoints = ElementGraph.Endpoints(sinks: [.data: sinks], sources: [.data: sources])
        return pipeline.graph.dataRoutes(endpoints).filter { pipeline.endpoints[$0.value]?.givesData == true }
    }
}

extension MediaObject {
    var usesDataChannels: Bool { properties["useDataChannels"]?.asBool == true }
}

extension StatisticsReport {
    /// The object of one data channel. Kurento's name for its stream is in small letters.
    mutating func add(_ channel: DataChannelStatistics) {
        add(
            "RTCDataChannelStats", "datachannel", id: "datachannel-\(channel.id)",
            [
                "label": .string(channel.label), "protocol": .string(channel.protocolName),
                "datachannelid": .integer(Int64(channel.id)), "state": .string(channel.state.rawValue),
                "messagesSent": Self.count(channel.messagesSent), "bytesSent": Self.count(channel.bytesSent),
                "messagesReceived": Self.count(channel.messagesReceived),
                "bytesReceived": Self.count(channel.bytesReceived),
            ])
    }
}
