public import Wire

/// The data channels of one peer (RFC 8831, RFC 8832) over an ``Association`` of their own.
///
/// A core, as the association is: handed packets and the time, and drained after every call.
public struct DataChannels: Sendable {
    public enum Event: Hashable, Sendable {
        /// Both know the channel; it may have been used before.
        case opened(UInt16, ChannelParameters)
        case message(UInt16, ChannelMessage)
        case closed(UInt16)
        /// The association is over, and every channel with it; each was ``closed(_:)`` before.
        case ended(Association.End)
    }

    public enum OpenError: Error, Hashable, Sendable {
        /// Label and protocol may have 65,535 bytes each, and all channels' together ``Limits/channelNames``.
        case nameTooLong
        /// All streams are in use, or the association is over.
        case noStream
    }

    public enum State: Hashable, Sendable { case connecting, open, closing }

    /// One channel, and what went over it.
    public struct Channel: Hashable, Sendable {
        public let parameters: ChannelParameters
        public fileprivate(set) var state: State
        public fileprivate(set) var messagesSent: UInt64 = 0
        public fileprivate(set) var bytesSent: UInt64 = 0
        public fileprivate(set) var messagesReceived: UInt64 = 0
        public fileprivate(set) var bytesReceived: UInt64 = 0
        fileprivate var isOutboundOver = false
        fileprivate var isInboundOver = false

        fileprivate init(_ parameters: ChannelParameters, _ state: State) {
            self.parameters = parameters
            self.state = state
        }

        fileprivate var nameLength: Int { parameters.label.utf8.count + parameters.protocolName.utf8.count }
    }

    private var association: Association
    /// 0 or 1: the DTLS client uses even streams, the server odd ones (RFC 8832 section 6).
    private let parity: UInt16
    private var channels: [Channel?] = []
    private var nameBytes = 0
    private var events = FIFO<Event>()
    /// Messages that belonged to no channel, or did not say what they are.
    public private(set) var strayMessages: UInt64 = 0

    /// `isClient`: of DTLS.
    public init(_ association: Association, isClient: Bool) {
        self.association = association
        parity = isClient ? 0 : 1
    }

    public var deadline: Instant { association.deadline }
    public var bufferedByteCount: Int { association.bufferedByteCount }

    public subscript(id: UInt16) -> Channel? { Int(id) < channels.count ? channels[Int(id)] : nil }

    /// The channels in use, rising.
    public var ids: [UInt16] { channels.indices.filter { channels[$0] != nil }.map { UInt16($0) } }

    // MARK: The application's side

    public mutating func connect(now: Instant) { association.connect(now: now) }

    /// Opens a channel; before the association stands, as soon as it does.
    ///
    /// Returns its stream, the `id` of `RTCDataChannel`.
    public mutating func open(_ parameters: ChannelParameters, now: Instant) throws(OpenError) -> UInt16 {
        let channel = Channel(parameters, .connecting)
        guard EstablishmentMessage.open(parameters).bytes != nil,
            nameBytes + channel.nameLength <= Limits.channelNames
        else { throw .nameTooLong }
        let end = association.isConnected ? association.outboundStreamCount : Int(Limits.streams)
        guard !association.isEnded,
            let id = stride(from: Int(parity), to: end, by: 2).first(where: { self[UInt16($0)] == nil })
        else { throw .noStream }
        insert(channel, at: UInt16(id))
        if association.isConnected { announce(UInt16(id), now: now) }
        return UInt16(id)
    }

    public mutating func send(_ message: ChannelMessage, on id: UInt16, now: Instant) throws(Association.SendError) {
        guard let channel = self[id], channel.state != .closing else { throw .notConnected }
        var reliability = channel.parameters.reliability
        // Nothing may overtake the opening (RFC 8832 section 6).
        if channel.state == .connecting { reliability.isOrdered = true }
        try association.send(message.message(on: id), reliability, now: now)
        channels[Int(id)]?.messagesSent += 1
        channels[Int(id)]?.bytesSent += UInt64(message.bytes.count)
    }

    /// Closes a channel once what was sent on it is through.
    public mutating func close(_ id: UInt16, now: Instant) {
        guard let channel = self[id], channel.state != .closing else { return }
        guard association.isConnected else { return remove(id) }
        channels[Int(id)]?.state = .closing
        association.reset(id, now: now)
        takeEvents(now: now)
    }

    /// See ``Association/hold(_:)``.
    public mutating func hold(_ bytes: Int) { association.hold(bytes) }

    /// Ends all at once.
    public mutating func abort(now: Instant) {
        association.abort()
        takeEvents(now: now)
    }

    public mutating func nextEvent() -> Event? { events.popFirst() }

    // MARK: The path's side

    /// See ``Association/receive(_:now:)``.
    public mutating func receive(_ packet: RawSpan, now: Instant) throws(DropReason) {
        defer { takeEvents(now: now) }
        try association.receive(packet, now: now)
    }

    public mutating func advance(to now: Instant) {
        association.advance(to: now)
        takeEvents(now: now)
    }

    public mutating func nextTransmit(now: Instant) -> [UInt8]? { association.nextTransmit(now: now) }

    // MARK: What the association says

    private mutating func takeEvents(now: Instant) {
        while let event = association.nextEvent() {
            switch event {
            case .connected: connected(now: now)
            case .message(let message): take(message, now: now)
            case .inboundReset(let streams):
                for id in streams.isEmpty ? ids : streams { endInbound(id, now: now) }
            case .outboundReset(let streams):
                for id in streams where self[id] != nil {
                    channels[Int(id)]?.isOutboundOver = true
                    removeIfOver(id)
                }
            case .restarted: removeAll()
            case .ended(let reason):
                removeAll()
                events.append(.ended(reason))
            }
        }
    }

    private mutating func connected(now: Instant) {
        for id in ids where channels[Int(id)]?.state == .connecting {
            if Int(id) < association.outboundStreamCount { announce(id, now: now) } else { remove(id) }
        }
    }

    private mutating func announce(_ id: UInt16, now: Instant) {
        guard let channel = self[id], let bytes = EstablishmentMessage.open(channel.parameters).bytes else { return }
        establish(bytes, on: id, now: now)
    }

    /// A message of the establishment protocol. Without room for it the channel comes to nothing.
    private mutating func establish(_ bytes: [UInt8], on id: UInt16, now: Instant) {
        let message = Message(stream: id, payloadProtocol: PayloadProtocol.establishment, bytes: bytes)
        do throws(Association.SendError) { try association.send(message, .full, now: now) } catch {
            close(id, now: now)
        }
    }

    private mutating func take(_ message: Message, now: Instant) {
        let id = message.stream
        if message.payloadProtocol == PayloadProtocol.establishment {
            switch try? EstablishmentMessage(parsing: message.bytes) {
            case .open(let parameters): opened(id, parameters, now: now)
            case .ack: acknowledged(id)
            case nil: refuse(id, now: now)
            }
            return
        }
        guard self[id] != nil, let content = ChannelMessage(message) else {
            strayMessages &+= 1
            return
        }
        // One that opened it here and uses it has seen the opening, whatever became of its word.
        acknowledged(id)
        channels[Int(id)]?.messagesReceived += 1
        channels[Int(id)]?.bytesReceived += UInt64(content.bytes.count)
        events.append(.message(id, content))
    }

    private mutating func opened(_ id: UInt16, _ parameters: ChannelParameters, now: Instant) {
        let channel = Channel(parameters, .open)
        guard id & 1 != parity, self[id] == nil, Int(id) < association.outboundStreamCount,
            nameBytes + channel.nameLength <= Limits.channelNames
        else { return refuse(id, now: now) }
        insert(channel, at: id)
        events.append(.opened(id, parameters))
        if let bytes = EstablishmentMessage.ack.bytes { establish(bytes, on: id, now: now) }
    }

    private mutating func acknowledged(_ id: UInt16) {
        guard let channel = self[id], channel.state == .connecting else { return }
        channels[Int(id)]?.state = .open
        events.append(.opened(id, channel.parameters))
    }

    /// What the peer wants of the stream cannot be (RFC 8832 section 6: the channel is closed).
    private mutating func refuse(_ id: UInt16, now: Instant) {
        strayMessages &+= 1
        if self[id] != nil { close(id, now: now) } else { association.reset(id, now: now) }
    }

    /// The peer closes, or answers our closing (RFC 8831 section 6.7).
    private mutating func endInbound(_ id: UInt16, now: Instant) {
        guard let channel = self[id] else { return }
        channels[Int(id)]?.isInboundOver = true
        channels[Int(id)]?.state = .closing
        if channel.state != .closing { association.reset(id, now: now) }
        removeIfOver(id)
    }

    private mutating func removeIfOver(_ id: UInt16) {
        guard let channel = self[id], channel.isOutboundOver, channel.isInboundOver || !association.canReset else {
            return
        }
        remove(id)
    }

    // MARK: Table

    private mutating func insert(_ channel: Channel, at id: UInt16) {
        while channels.count <= Int(id) { channels.append(nil) }
        channels[Int(id)] = channel
        nameBytes += channel.nameLength
    }

    private mutating func remove(_ id: UInt16) {
        guard let channel = self[id] else { return }
        nameBytes -= channel.nameLength
        channels[Int(id)] = nil
        events.append(.closed(id))
    }

    private mutating func removeAll() { for id in ids { remove(id) } }
}
