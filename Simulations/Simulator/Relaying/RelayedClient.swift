import STUN
import Wire

/// What a ``RelayObserver`` knows of one client of a TURN server.
struct RelayedClient: Sendable {
    enum Purpose: Hashable, Sendable {
        /// The seconds that were asked for.
        case allocate(UInt32?)
        case refresh
        case permission([IPAddress])
        case channel(UInt16, SocketAddress)
    }

    struct Allocation: Sendable {
        let relayed: SocketAddress
        var expiry: Instant
        /// The client's connection has ended.
        var isOver = false
        /// When they end.
        var permissions: [IPAddress: Instant] = [:]
        var channels: [UInt16: (peer: SocketAddress, expiry: Instant)] = [:]
        /// When the client last had data for an address.
        var used: [IPAddress: Instant] = [:]
        var toPeers = RelayLedger()
        var toClient = RelayLedger()

        func isLive(_ now: Instant) -> Bool { !isOver && now < expiry }
    }

    /// What a frame from the server was.
    enum Answer {
        case nothing
        case data(bytes: Int, violation: String?)
        case granted(Purpose, lifetime: UInt32?, relayed: SocketAddress?)
    }

    /// Requests that wait for an answer.
    private static let waitingRequests = 256

    let carrier: RelayCarrier
    var allocation: Allocation?
    /// The client's connection has ended.
    private(set) var hasEnded = false
    private var requests: [(id: TransactionID, purpose: Purpose)] = []
    private var inbound: StreamObserver
    private var outbound: StreamObserver

    init(carrier: RelayCarrier) {
        self.carrier = carrier
        inbound = StreamObserver(isTLS: carrier == .tls)
        outbound = StreamObserver(isTLS: carrier == .tls)
    }

    // MARK: Streams

    mutating func frames(_ segment: TCPSegment, _ payload: [UInt8], fromClient: Bool) -> [[UInt8]] {
        if fromClient {
            let frames = inbound.receive(segment, payload)
            if inbound.takeBeginning() { self = RelayedClient(restarting: self) }
            if inbound.isFinished { hasEnded = true }
            return frames
        }
        let frames = outbound.receive(segment, payload)
        if outbound.isFinished || segment.flags.contains(.rst) { hasEnded = true }
        return frames
    }

    /// Another connection from the same address.
    private init(restarting old: RelayedClient) {
        self.init(carrier: old.carrier)
        inbound = old.inbound
    }

    // MARK: From the client

    /// - Returns: what is wrong.
    mutating func takeFromClient(_ frame: [UInt8], _ now: Instant) -> String? {
        if let (number, data) = Self.channelData(frame) { return takeChannelData(number, data, now) }
        let span = frame.span
        guard let message = try? unsafe Message(parsing: span.bytes) else { return nil }
        switch (message.type.messageClass, message.type.method) {
        case (.indication, .send):
            guard let peer = message.xorPeerAddress, let place = message.place(of: .data) else { return nil }
            return takeData(frame[place], for: peer, now)
        case (.request, let method):
            guard message.has(.messageIntegrity), let purpose = Self.purpose(message, method) else { return nil }
            requests.removeAll { $0.id == message.transactionID }
            if requests.count >= Self.waitingRequests { requests.removeFirst() }
            requests.append((message.transactionID, purpose))
            return nil
        default: return nil
        }
    }

    private static func purpose(_ message: borrowing Message, _ method: Method) -> Purpose? {
        switch method {
        case .allocate: return .allocate(message.lifetime)
        case .refresh: return .refresh
        case .createPermission: return message.xorPeerAddresses.map { .permission($0.map(\.ip)) }
        case .channelBind:
            guard let number = message.channelNumber, let peer = message.xorPeerAddress else { return nil }
            return .channel(number, peer)
        default: return nil
        }
    }

    private mutating func takeChannelData(_ number: UInt16, _ data: ArraySlice<UInt8>, _ now: Instant) -> String? {
        guard let channel = allocation?.channels[number] else { return nil }
        guard now < channel.expiry || isAsked(.channel(number, channel.peer)) else {
            guard use(channel.peer, now) else {
                allocation?.channels[number] = nil
                return nil
            }
            guard now > channel.expiry + RelayObserver.grace else { return nil }
            return "channel \(number) to \(channel.peer) is used and was not renewed in time"
        }
        return takeData(data, for: channel.peer, now)
    }

    private mutating func takeData(_ data: ArraySlice<UInt8>, for peer: SocketAddress, _ now: Instant) -> String? {
        let isPermitted = isPermitted(peer, now)
        if use(peer, now) {
            if let text = lapse(peer, isPermitted: isPermitted, now) { return text }
        } else {
            forgetWhatIsOver(peer, now)
        }
        allocation?.toPeers.add(peer, data, isPermitted: isPermitted)
        return nil
    }

    /// Whether a client has been using an address all along. Where it has not, it may be somebody else, to whom a NAT
    /// has given what was the client's port.
    private mutating func use(_ peer: SocketAddress, _ now: Instant) -> Bool {
        defer { allocation?.used[peer.ip] = now }
        return allocation?.used[peer.ip].map { now <= $0 + RelayObserver.continuity } ?? false
    }

    /// What was over before it was used again counts no more.
    private mutating func forgetWhatIsOver(_ peer: SocketAddress, _ now: Instant) {
        guard let expiry = allocation?.expiry else { return }
        if now >= expiry { allocation?.isOver = true }
        if let end = allocation?.permissions[peer.ip], now >= end { allocation?.permissions[peer.ip] = nil }
    }

    /// What the client uses and has let go.
    private func lapse(_ peer: SocketAddress, isPermitted: Bool, _ now: Instant) -> String? {
        guard let allocation, !allocation.isOver else { return nil }
        if now > allocation.expiry + RelayObserver.grace, !isAsked(.refresh) {
            return "the allocation of \(allocation.relayed) is used and was not renewed in time"
        }
        guard !isPermitted, let end = allocation.permissions[peer.ip], now > end + RelayObserver.grace else {
            return nil
        }
        return "the permission of \(peer.ip) is used and was not renewed in time"
    }

    /// A request that has not been answered yet. The answer may wait in a stream while the server acts on it already.
    private func isAsked(_ purpose: Purpose) -> Bool { requests.contains { $0.purpose == purpose } }

    private func isPermitted(_ peer: SocketAddress, _ now: Instant) -> Bool {
        guard let allocation, !allocation.isOver else { return false }
        if now < allocation.expiry || carrier != .udp && isAsked(.refresh) {
            if let end = allocation.permissions[peer.ip], now < end { return true }
            guard carrier != .udp else { return false }
            return requests.contains {
                switch $0.purpose {
                case .permission(let addresses): addresses.contains(peer.ip)
                case .channel(_, let other): other.ip == peer.ip
                case .allocate, .refresh: false
                }
            }
        }
        return false
    }

    // MARK: Relayed

    /// A peer's packet came to the relayed address.
    mutating func receives(_ datagram: Datagram, _ now: Instant) {
        let isPermitted = isPermitted(datagram.source, now)
        allocation?.toClient.add(datagram.source, datagram.payload[...], isPermitted: isPermitted)
    }

    /// The relayed address sends.
    /// - Returns: what is wrong with that.
    mutating func relays(_ payload: [UInt8], to peer: SocketAddress, _ now: Instant) -> String? {
        guard let relayed = allocation?.relayed else { return "an address without an allocation sends to \(peer)" }
        switch allocation?.toPeers.take(peer, payload[...]) {
        case .unknown: return nil
        case .found:
            return isPermitted(peer, now) ? nil : "\(relayed) sends to \(peer), which has no permission"
        case .unsent, nil: return "\(relayed) sends \(payload.count) bytes to \(peer) that its client did not send"
        }
    }

    // MARK: From the server

    mutating func takeFromServer(_ frame: [UInt8], _ now: Instant) -> Answer {
        if let (number, data) = Self.channelData(frame) {
            guard let channel = allocation?.channels[number] else {
                return .data(bytes: data.count, violation: "data in channel \(number), which was never bound")
            }
            let isBound = now < channel.expiry || carrier != .udp
            let violation = isBound ? nil : "data in channel \(number) after its end"
            return .data(bytes: data.count, violation: violation ?? check(data, from: channel.peer, now))
        }
        let span = frame.span
        guard let message = try? unsafe Message(parsing: span.bytes) else { return .nothing }
        switch message.type.messageClass {
        case .indication:
            guard message.type.method == .data, let peer = message.xorPeerAddress,
                let place = message.place(of: .data)
            else { return .nothing }
            return .data(bytes: place.count, violation: check(frame[place], from: peer, now))
        case .success, .error:
            guard let index = requests.firstIndex(where: { $0.id == message.transactionID }) else { return .nothing }
            let purpose = requests.remove(at: index).purpose
            guard message.type.messageClass == .success else { return .nothing }
            return .granted(purpose, lifetime: message.lifetime, relayed: message.xorRelayedAddress)
        case .request: return .nothing
        }
    }

    private mutating func check(_ data: ArraySlice<UInt8>, from peer: SocketAddress, _ now: Instant) -> String? {
        switch allocation?.toClient.take(peer, data) {
        case .unknown: return nil
        case .found(let isPermitted):
            // What waited in a stream was allowed when it came.
            if carrier != .udp, isPermitted { return nil }
            return self.isPermitted(peer, now) ? nil : "data of \(peer), which has no permission"
        case .unsent, nil: return "\(data.count) bytes of \(peer) that it did not send"
        }
    }

    /// RFC 8656 section 12.4; nil for anything else.
    private static func channelData(_ frame: [UInt8]) -> (number: UInt16, data: ArraySlice<UInt8>)? {
        guard frame.count >= 4, frame[0] & 0xC0 == 0x40 else { return nil }
        let length = Int(frame[2]) << 8 | Int(frame[3])
        guard frame.count >= 4 + length else { return nil }
        return (UInt16(frame[0]) << 8 | UInt16(frame[1]), frame[4..<(4 + length)])
    }
}

/// One direction of a stream between a client and a TURN server, as frames.
private struct StreamObserver: Sendable {
    private var reassembly = StreamReassembly()
    private var records: TLSRecordReader?
    private var buffer: [UInt8] = []
    private var hasBegun = false

    init(isTLS: Bool) { records = isTLS ? TLSRecordReader() : nil }

    var isFinished: Bool { reassembly.isFinished }

    /// A new connection began on the same endpoints since this was asked last.
    mutating func takeBeginning() -> Bool {
        defer { hasBegun = false }
        return hasBegun
    }

    mutating func receive(_ segment: TCPSegment, _ payload: [UInt8]) -> [[UInt8]] {
        let bytes = reassembly.receive(segment, payload)
        if reassembly.takeBeginning() {
            hasBegun = true
            buffer = []
            if records != nil { records = TLSRecordReader() }
        }
        if records == nil {
            buffer += bytes
        } else {
            records?.receive(bytes)
            while let record = records?.next() {
                if record.type == .applicationData { buffer += record.content }
            }
        }
        var frames: [[UInt8]] = []
        while let frame = nextFrame() { frames.append(frame) }
        return frames
    }

    /// RFC 8656 section 12.5: messages and channel data tell their length.
    private mutating func nextFrame() -> [UInt8]? {
        guard buffer.count >= 4 else { return nil }
        let length = Int(buffer[2]) << 8 | Int(buffer[3])
        let isChannelData = buffer[0] & 0xC0 == 0x40
        let frame = isChannelData ? 4 + length : 20 + length
        let padded = (frame + 3) & ~3
        guard buffer.count >= padded else { return nil }
        defer { buffer.removeFirst(padded) }
        return Array(buffer[..<frame])
    }
}
