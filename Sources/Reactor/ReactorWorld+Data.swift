import SCTP
import Session
import Transport
import Wire

/// Data channels: messages of one peer to the channels of others.
///
/// A message goes to the sink's channel of the same label, or, where it has none of it, to all that it has, as Kurento
/// does. What a sink's association has no room for waits here, and its source's window shrinks by as much: so the
/// source goes as fast as the slowest who listens. One that takes nothing for a while does not count, and one whose
/// backlog is full loses its channels: nobody holds up the others for long.
extension ReactorWorld {
    mutating func report(_ event: DataChannels.Event, of slot: Int32, now: Instant) {
        switch event {
        case .opened(let id, _): emit(.dataChannelOpened(peers[slot].endpoint, Int(id)), for: slot)
        case .closed(let id):
            for (name, channel) in peers[slot].data.names where channel == id { peers[slot].data.names[name] = nil }
            emit(.dataChannelClosed(peers[slot].endpoint, Int(id)), for: slot)
        case .message(let id, let message): relay(message, on: id, from: slot, now: now)
        case .ended: clearBacklog(of: slot, now: now)
        }
    }

    // MARK: Operations

    mutating func connectData(from source: Int32, to sink: Int32, now: Instant) {
        guard peers[sink].data.source != source else { return }
        if let former = peers[sink].data.source { disconnectData(from: former, to: sink, now: now) }
        peers[sink].data.source = source
        peers[source].data.sinks.append(sink)
    }

    mutating func disconnectData(from source: Int32, to sink: Int32, now: Instant) {
        guard peers[sink].data.source == source else { return }
        peers[sink].data.source = nil
        peers[source].data.sinks.removeAll { $0 == sink }
        updateHold(of: source, now: now)
        drain(source, now: now)
    }

    mutating func openDataChannel(
        _ specification: DataChannelSpecification, of slot: Int32, now: Instant
    ) throws(Refusal) -> Int {
        if let id = peers[slot].data.names[specification.name] { return Int(id) }
        guard peers[slot].transport.peer?.carriesData == true else {
            throw Refusal(.invalid, "the endpoint's peer has not agreed to data channels")
        }
        let opened: UInt16?
        do throws(DataChannels.OpenError) {
            opened = try peers[slot].transport.peer?.openDataChannel(ChannelParameters(specification), now: now)
        } catch {
            throw Refusal(.overLimit, "no data channel can be opened: \(error)")
        }
        guard let id = opened else { throw Refusal(.invalid, "a pipe has no data channels") }
        peers[slot].data.names[specification.name] = id
        drain(slot, now: now)
        return Int(id)
    }

    mutating func closeDataChannel(_ id: Int, of slot: Int32, now: Instant) {
        guard let id = UInt16(exactly: id) else { return }
        peers[slot].transport.peer?.closeDataChannel(id, now: now)
        drain(slot, now: now)
    }

    /// The endpoint is closed.
    mutating func forgetData(of slot: Int32, now: Instant) {
        if let source = peers[slot].data.source { disconnectData(from: source, to: slot, now: now) }
        for sink in peers[slot].data.sinks { peers[sink].data.source = nil }
        peers[slot].data.sinks = []
        clearBacklog(of: slot, now: now)
    }

    // MARK: Messages

    /// - Parameter id: the channel that it came on; nil for an element's.
    mutating func relay(_ message: ChannelMessage, on id: UInt16?, from slot: Int32, now: Instant) {
        let sinks = peers[slot].data.sinks
        guard !sinks.isEmpty else { return drops.count(.dataNoChannel) }
        let label = id.flatMap { peers[slot].transport.peer?.dataChannel($0)?.parameters.label } ?? ""
        for sink in sinks {
            if let element = peers[sink].element {
                tell(element, message)
                continue
            }
            let channels = peers[sink].transport.peer?.channels(for: label, id) ?? []
            if channels.isEmpty { drops.count(.dataNoChannel) }
            for channel in channels { send(DataRelay.Waiting(message: message, channel: channel), to: sink, now: now) }
        }
        updateHold(of: slot, now: now)
    }

    /// An element that is behind misses messages: they are about a picture that is over by then.
    private mutating func tell(_ element: ElementSeat, _ message: ChannelMessage) {
        guard message.kind == .text, let text = String(validating: message.bytes, as: UTF8.self) else { return }
        if !element.port.request(.message(text)) { drops.count(.elementBehind) }
    }

    private mutating func send(_ waiting: DataRelay.Waiting, to sink: Int32, now: Instant) {
        if peers[sink].data.backlog.isEmpty, isSent(waiting, to: sink, now: now) { return }
        guard peers[sink].data.backlogBytes + waiting.cost <= Limits.dataBacklog else {
            // It has had its chance; to leave one message out would be to lie about a reliable channel.
            drops.count(.dataBacklogFull)
            peers[sink].transport.peer?.abortData(now: now)
            return touched.append(sink)
        }
        peers[sink].data.append(waiting, now: now)
        guard !backlogged.contains(sink) else { return }
        backlogged.append(sink)
        if nextBacklogLook == .distantFuture { nextBacklogLook = now + Limits.backlogLook }
    }

    /// False when there is no room now. A channel that is gone takes all.
    private mutating func isSent(_ waiting: DataRelay.Waiting, to sink: Int32, now: Instant) -> Bool {
        do throws(Association.SendError) {
            try peers[sink].transport.peer?.sendData(waiting.message, on: waiting.channel, now: now)
            touched.append(sink)
            return true
        } catch {
            guard error != .bufferFull else { return false }
            // The peer has said what it takes at most (RFC 8841 section 6).
            drops.count(error == .badLength ? .dataTooLong : .dataNoChannel)
            return true
        }
    }

    /// The peer's association may have room again.
    mutating func sendBacklog(to sink: Int32, now: Instant) {
        var count = 0
        for waiting in peers[sink].data.backlog {
            guard isSent(waiting, to: sink, now: now) else { break }
            count += 1
        }
        guard count > 0 else { return }
        peers[sink].data.removeFirst(count, now: now)
        if peers[sink].data.backlog.isEmpty { backlogged.removeAll { $0 == sink } }
        if let source = peers[sink].data.source { updateHold(of: source, now: now) }
    }

    private mutating func clearBacklog(of slot: Int32, now: Instant) {
        peers[slot].data.removeBacklog()
        backlogged.removeAll { $0 == slot }
        if let source = peers[slot].data.source { updateHold(of: source, now: now) }
    }

    /// The source's window is smaller by what its slowest sink has waiting, of those that go on taking.
    private mutating func updateHold(of source: Int32, now: Instant) {
        var most = 0
        for sink in peers[source].data.sinks where now - peers[sink].data.progressed < Limits.backlogPatience {
            most = max(most, peers[sink].data.backlogBytes)
        }
        guard most != peers[source].data.held else { return }
        peers[source].data.held = most
        peers[source].transport.peer?.holdData(most, now: now)
        touched.append(source)
    }

    /// Sources whose sinks have not taken anything for too long need not wait for them.
    mutating func lookAtBacklogs(now: Instant) {
        nextBacklogLook = backlogged.isEmpty ? .distantFuture : now + Limits.backlogLook
        for sink in backlogged {
            guard let source = peers[sink].data.source else { continue }
            updateHold(of: source, now: now)
            drain(source, now: now)
        }
    }
}

extension PeerTransport {
    /// Which channels a message goes to that came on `id` of `label`: the same one where it is its own peer's, those of
    /// the label, or all.
    fileprivate func channels(for label: String, _ id: UInt16?) -> [UInt16] {
        let open = dataChannelIDs.filter { dataChannel($0)?.state != .closing }
        let same = open.filter { dataChannel($0)?.parameters.label == label }
        if let id, same.contains(id) { return [id] }
        return same.isEmpty ? open : same
    }

    /// For `getStats`.
    var dataChannelStatistics: [DataChannelStatistics] {
        dataChannelIDs.compactMap { id in
            dataChannel(id).map { DataChannelStatistics(id, $0) }
        }
    }
}

extension PeerTransport.DataRemote {
    init(_ negotiated: NegotiatedData) {
        self.init(
            localPort: negotiated.localPort, remotePort: negotiated.remotePort,
            maximumMessageSize: max(negotiated.maximumMessageSize, 0))
    }
}

extension DataChannelStatistics {
    fileprivate init(_ id: UInt16, _ channel: DataChannels.Channel) {
        let state: State =
            switch channel.state {
            case .connecting: .connecting
            case .open: .open
            case .closing: .closing
            }
        self.init(
            id: Int(id), label: channel.parameters.label, protocolName: channel.parameters.protocolName, state: state)
        messagesSent = channel.messagesSent
        bytesSent = channel.bytesSent
        messagesReceived = channel.messagesReceived
        bytesReceived = channel.bytesReceived
    }
}

extension ChannelParameters {
    fileprivate init(_ specification: DataChannelSpecification) {
        var limit = Reliability.Limit.none
        if let count = specification.maxRetransmits { limit = .retransmissions(UInt32(clamping: count)) }
        if let time = specification.maxPacketLifeTime { limit = .lifetime(.milliseconds(Int64(max(time, 0)))) }
        self.init(
            label: specification.label, protocolName: specification.protocolName,
            reliability: Reliability(isOrdered: specification.isOrdered, limit: limit))
    }
}
