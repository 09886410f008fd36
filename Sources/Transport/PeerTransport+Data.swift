import DTLS
public import SCTP
public import Wire

extension PeerTransport {
    /// What offer and answer agreed on for data channels (RFC 8841).
    public struct DataRemote: Hashable, Sendable {
        public var localPort: UInt16
        public var remotePort: UInt16
        /// Bytes; 0 is any.
        public var maximumMessageSize: Int

        public init(localPort: UInt16, remotePort: UInt16, maximumMessageSize: Int) {
            self.localPort = localPort
            self.remotePort = remotePort
            self.maximumMessageSize = maximumMessageSize
        }
    }

    /// Data channels were negotiated, and their association may be used or is yet to stand.
    public var carriesData: Bool { data != nil }

    /// The channels in use, rising.
    public var dataChannelIDs: [UInt16] { data?.channels.ids ?? [] }

    public func dataChannel(_ id: UInt16) -> DataChannels.Channel? { data?.channels[id] }

    /// See ``DataChannels/open(_:now:)``.
    public mutating func openDataChannel(
        _ parameters: ChannelParameters, now: Instant
    ) throws(DataChannels.OpenError) -> UInt16 {
        defer { settle(now: now) }
        guard let id = try data?.channels.open(parameters, now: now) else { throw .noStream }
        return id
    }

    /// See ``DataChannels/send(_:on:now:)``.
    public mutating func sendData(
        _ message: ChannelMessage, on id: UInt16, now: Instant
    ) throws(Association.SendError) {
        guard let data else { throw .notConnected }
        defer { settle(now: now) }
        try data.channels.send(message, on: id, now: now)
    }

    public mutating func closeDataChannel(_ id: UInt16, now: Instant) {
        data?.channels.close(id, now: now)
        settle(now: now)
    }

    /// Messages of so many bytes wait at the owner's: see ``DataChannels/hold(_:)``.
    public mutating func holdData(_ bytes: Int, now: Instant) {
        data?.channels.hold(bytes)
        settle(now: now)
    }

    /// Ends the association; the media goes on.
    public mutating func abortData(now: Instant) {
        data?.channels.abort(now: now)
        settle(now: now)
    }

    // MARK: Between DTLS and SCTP

    /// Begins with the DTLS association, or is negotiated while it stands.
    mutating func prepareData(_ remote: DataRemote?, isClient: Bool, now: Instant) {
        guard let remote, data == nil, dtls != nil else { return }
        let association = Association(
            localPort: remote.localPort, peerPort: remote.remotePort,
            packetLength: DTLS.Limits.datagramSize - Endpoint.recordOverhead,
            peerMessageLength: remote.maximumMessageSize, random: random.split())
        data = DataPath(DataChannels(association, isClient: isClient))
        dtls?.carriesData = true
        if dtlsPhase == .connected { data?.channels.connect(now: now) }
    }

    /// Hands SCTP what a datagram carried. Throws why the last packet of it was dropped.
    mutating func receiveData(now: Instant) throws(DropReason) {
        var drop: DropReason?
        while let packet = dtls?.nextData() {
            // Whoever sends data has finished the handshake.
            if !hasPeerKeys { notePeerKeys() }
            do throws(DropReason) {
                try unsafe data?.channels.receive(packet.span.bytes, now: now)
            } catch {
                drop = error
            }
        }
        if let drop { throw drop }
    }

    /// Takes over what SCTP has to say to the peer and to the owner.
    mutating func settleData(now: Instant) {
        guard let data else { return }
        while let packet = data.channels.nextTransmit(now: now) { dtls?.send(packet) }
        while let event = data.channels.nextEvent() { events.append(.data(event)) }
    }
}

/// The data channels of one peer, apart from what every packet touches.
final class DataPath {
    var channels: DataChannels

    init(_ channels: DataChannels) { self.channels = channels }
}
