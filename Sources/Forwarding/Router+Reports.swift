import RTP
import Wire

// What the owner is told: events as levels change, and statistics when it asks.

extension Router {
    /// The next change to tell, nil when there is none.
    public mutating func nextEvent() -> ForwardingEvent? {
        while let endpoint = eventWork.first {
            let changed = endpoints[endpoint].levels.symmetricDifference(endpoints[endpoint].reportedLevels)
            guard endpoints[endpoint].isOpen, !changed.isEmpty else {
                if let event = encodingsEvent(of: endpoint) ?? codecEvent(of: endpoint) { return event }
                eventWork.removeFirst()
                if let event = speakerEvent(of: endpoint) { return event }
                continue
            }
            let level = Endpoint.Levels(rawValue: 1 << changed.rawValue.trailingZeroBitCount)
            endpoints[endpoint].reportedLevels.formSymmetricDifference(level)
            return event(level, isSet: endpoints[endpoint].levels.contains(level), of: EndpointIndex(Int32(endpoint)))
        }
        return nil
    }

    private func event(_ level: Endpoint.Levels, isSet: Bool, of endpoint: EndpointIndex) -> ForwardingEvent {
        switch level {
        case .audioIn: .mediaFlowingIn(endpoint, .audio, isFlowing: isSet)
        case .videoIn: .mediaFlowingIn(endpoint, .video, isFlowing: isSet)
        case .audioOut: .mediaFlowingOut(endpoint, .audio, isFlowing: isSet)
        case .videoOut: .mediaFlowingOut(endpoint, .video, isFlowing: isSet)
        case .circuitBroken: .circuitBroken(endpoint, isBroken: isSet)
        default: .mediaState(endpoint, isConnected: isSet)
        }
    }

    /// A publisher sends in another format than before. One that mixes them, as with encodings of different codecs, is
    /// not told of at each packet.
    mutating func changeCodec(_ payloadType: UInt8, _ slot: Int, now: Instant) {
        let isFirst = publishers[slot].payloadTypeInUse == Publisher.Format.none
        guard isFirst || now - publishers[slot].codecChange >= Limits.codecReportInterval,
            let (format, _) = publishers[slot].format(of: payloadType), format.codec != .other
        else { return }
        publishers[slot].payloadTypeInUse = payloadType
        publishers[slot].codecChange = now
        publishers[slot].isCodecReportDue = true
        eventWork.add(Int(publishers[slot].endpoint))
    }

    private mutating func codecEvent(of endpoint: Int) -> ForwardingEvent? {
        for place in endpoints[endpoint].publishers where publishers[Int(place)].isCodecReportDue {
            let slot = Int(place)
            publishers[slot].isCodecReportDue = false
            guard let codec = publishers[slot].codecInUse else { continue }
            return .codecInUse(EndpointIndex(Int32(endpoint)), publishers[slot].kind, codec)
        }
        return nil
    }

    /// A snapshot of an endpoint's streams, those that have carried packets. Control path: it allocates.
    public func statistics(
        of endpoint: EndpointIndex
    ) -> (inbound: [InboundStatistics], outbound: [OutboundStatistics]) {
        guard isOpen(endpoint) else { return ([], []) }
        let inbound = endpoints[endpoint.slot].publishers.flatMap { slot in
            (0..<publishers[Int(slot)].streamCount).compactMap { index in
                inboundStatistics(Int(publishers[Int(slot)].streams[index]))
            }
        }
        let outbound = endpoints[endpoint.slot].subscribers.compactMap { outboundStatistics(Int($0)) }
        return (inbound, outbound)
    }

    private func inboundStatistics(_ stream: Int) -> InboundStatistics? {
        guard streams[stream].packets > 0 else { return nil }
        let slot = Int(streams[stream].publisher)
        let payloadType = streams[stream].payloadType
        let codec = publishers[slot].parameters.codecs.first { $0.payloadType == payloadType }
        var result = InboundStatistics(ssrc: streams[stream].ssrc, kind: publishers[slot].kind)
        result.rid = streams[stream].encoding.rid
        result.codec = codec
        result.packetsReceived = streams[stream].packets
        result.bytesReceived = streams[stream].bytes
        result.packetsLost = Int64(streams[stream].statistics.cumulativeLost)
        result.fractionLost = Double(streams[stream].fractionLost) / 256
        result.jitter = Double(streams[stream].statistics.jitter) / Double(max(codec?.clockRate ?? 1, 1))
        result.nackCount = streams[stream].nackCount
        result.pliCount = streams[stream].pliCount
        result.firCount = streams[stream].firCount
        return result
    }

    private func outboundStatistics(_ slot: Int) -> OutboundStatistics? {
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return nil }
        let state = unsafe rewriter.pointee
        guard state.isStarted else { return nil }
        var result = OutboundStatistics(ssrc: state.ssrc, kind: subscribers[slot].kind)
        // What a publisher sends now, in the peer's own terms.
        let stream = Int(subscribers[slot].current)
        if stream >= 0, let format = subscribers[slot].knownFormat(of: streams[stream].payloadType) {
            result.codec = subscribers[slot].parameters.codecs.first { $0.payloadType == format.output }
            result.rid = streams[stream].encoding.rid
        }
        result.packetsSent = state.packets
        result.bytesSent = state.octets
        result.packetsRetransmitted = subscribers[slot].packetsRetransmitted
        result.packetsLost = Int64(subscribers[slot].packetsLost)
        result.fractionLost = Double(subscribers[slot].fractionLost) / 256
        result.roundTripTime = subscribers[slot].roundTripTime?.seconds
        result.nackCount = subscribers[slot].nackCount
        result.pliCount = subscribers[slot].pliCount
        result.firCount = subscribers[slot].firCount
        result.remb = endpoints[Int(subscribers[slot].endpoint)].remb
        return result
    }
}
