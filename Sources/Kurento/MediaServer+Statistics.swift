import RTP
import Session

extension MediaServer {
    /// `getStats`: one entry per stream, and with an endpoint its transport and candidates.
    func statistics(
        of object: MediaObject, _ arguments: Arguments, in pipeline: Pipeline
    ) async throws(KurentoError) -> JSONValue {
        var report = StatisticsReport(milliseconds: configuration.wallClock())
        guard let endpoint = object.endpoint else {
            report.add("ElementStats", "element", id: object.id, ["inputLatency": []])
            return report.json
        }
        guard case .statistics(let figures) = try await perform(.readStatistics(endpoint.id), in: pipeline) else {
            throw KurentoError(.unexpectedError, "The worker did not tell statistics")
        }
        let wanted = arguments.optionalString("mediaType")
        for stream in figures.inbound where wanted == nil || wanted == ElementGraph.MediaType(stream.kind).rawValue {
            report.add(stream)
        }
        for stream in figures.outbound where wanted == nil || wanted == ElementGraph.MediaType(stream.kind).rawValue {
            report.add(stream)
        }
        if wanted == nil || wanted == ElementGraph.MediaType.data.rawValue {
            for channel in figures.dataChannels ?? [] { report.add(channel) }
        }
        report.add("EndpointStats", "endpoint", id: object.id, ["inputLatency": [], "E2ELatency": []])
        report.add(figures.transport)
        return report.json
    }
}

/// Builds the map of statistics objects that `getStats` returns.
struct StatisticsReport {
    private static let transportID = "transport-1"
    private static let pairID = "candidatepair-1"

    let milliseconds: Int64
    private var entries: [String: JSONValue] = [:]

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// An empty map is null on the wire, as in Kurento.
    var json: JSONValue { entries.isEmpty ? .null : .object(entries) }

    mutating func add(_ type: String, _ statsType: String, id: String, _ members: [String: JSONValue]) {
        var members = members
        members["id"] = .string(id)
        members["type"] = .string(statsType)
        members["timestampMillis"] = .integer(milliseconds)
        entries[id] = .structure(type, members)
    }

    mutating func add(_ stream: InboundStreamStatistics) {
        var members = Self.streamMembers(ssrc: stream.ssrc, kind: stream.kind, codec: stream.codec)
        members["firCount"] = Self.count(stream.firCount)
        members["pliCount"] = Self.count(stream.pliCount)
        members["nackCount"] = Self.count(stream.nackCount)
        members["remb"] = 0
        members["packetsLost"] = .integer(stream.packetsLost)
        members["fractionLost"] = .double(stream.fractionLost)
        members["packetsReceived"] = Self.count(stream.packetsReceived)
        members["bytesReceived"] = Self.count(stream.bytesReceived)
        members["jitter"] = .double(stream.jitter)
        add("RTCInboundRTPStreamStats", "inboundrtp", id: "inboundrtp-\(stream.ssrc)", members)
    }

    mutating func add(_ stream: OutboundStreamStatistics) {
        var members = Self.streamMembers(ssrc: stream.ssrc, kind: stream.kind, codec: stream.codec)
        members["firCount"] = Self.count(stream.firCount)
        members["pliCount"] = Self.count(stream.pliCount)
        members["nackCount"] = Self.count(stream.nackCount)
        members["remb"] = Self.count(stream.remb)
        members["packetsLost"] = .integer(stream.packetsLost)
        members["fractionLost"] = .double(stream.fractionLost)
        members["packetsSent"] = Self.count(stream.packetsSent)
        members["bytesSent"] = Self.count(stream.bytesSent)
        members["targetBitrate"] = .double(Double(stream.remb))
        members["roundTripTime"] = .double(stream.roundTripTime ?? 0)
        add("RTCOutboundRTPStreamStats", "outboundrtp", id: "outboundrtp-\(stream.ssrc)", members)
    }

    private static func streamMembers(ssrc: UInt32, kind: MediaKind, codec: CodecParameters?) -> [String: JSONValue] {
        [
            "ssrc": .string(String(ssrc)), "associateStatsId": "", "isRemote": false,
            "mediaTrackId": .string(kind.rawValue), "transportId": .string(transportID),
            "codecId": .string(codec?.name ?? ""), "sliCount": 0,
        ]
    }

    mutating func add(_ transport: TransportStatistics) {
        let hasPair = transport.localCandidate != nil && transport.remoteCandidate != nil
        let isActive = [.connected, .completed].contains(transport.iceState)
        add(
            "RTCTransportStats", "transport", id: Self.transportID,
            [
                "bytesSent": Self.count(transport.bytesSent), "bytesReceived": Self.count(transport.bytesReceived),
                "rtcpTransportStatsId": .string(Self.transportID), "activeConnection": .bool(isActive),
                "selectedCandidatePairId": hasPair ? .string(Self.pairID) : "", "localCertificateId": "",
                "remoteCertificateId": "",
            ])
        guard let local = transport.localCandidate, let remote = transport.remoteCandidate else { return }
        add(candidate: local, "localcandidate")
        add(candidate: remote, "remotecandidate")
        add(
            "RTCIceCandidatePairStats", "candidatepair", id: Self.pairID,
            [
                "transportId": .string(Self.transportID), "localCandidateId": "localcandidate-1",
                "remoteCandidateId": "remotecandidate-1", "state": isActive ? "succeeded" : "inprogress",
                "priority": 0, "nominated": true, "writable": .bool(isActive), "readable": .bool(isActive),
                "bytesSent": Self.count(transport.bytesSent), "bytesReceived": Self.count(transport.bytesReceived),
                "roundTripTime": .double(transport.roundTripTime ?? 0), "availableOutgoingBitrate": .double(0),
                "availableIncomingBitrate": .double(0),
            ])
    }

    private mutating func add(candidate: String, _ statsType: String) {
        let words = candidate.split(separator: " ").map(String.init)
        guard words.count >= 8 else { return }
        let types = ["host": "host", "srflx": "serverreflexive", "prflx": "peerreflexive", "relay": "relayed"]
        add(
            "RTCIceCandidateAttributes", statsType, id: statsType + "-1",
            [
                "ipAddress": .string(words[4]), "portNumber": .integer(Int64(words[5]) ?? 0),
                "transport": .string(words[2].lowercased()), "candidateType": .string(types[words[7]] ?? "host"),
                "priority": .integer(Int64(words[3]) ?? 0), "addressSourceUrl": "",
            ])
    }

    static func count(_ value: UInt64) -> JSONValue { .integer(Int64(clamping: value)) }
}
