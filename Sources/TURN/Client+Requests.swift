import STUN
public import Wire

/// What the client asks, and what it is answered.
extension Client {
    mutating func start(_ purpose: Purpose, _ now: Instant) {
        let id = TransactionID(random: &random)
        let bytes = request(purpose, id)
        // Over a stream, the one sending is the first and last: what is left is to wait.
        let timeout = configuration.isStream ? Limits.streamTimeout : Limits.initialRetransmission
        pending.append(
            Pending(
                purpose: purpose, id: id, bytes: bytes, sends: configuration.isStream ? Limits.requestSends : 1,
                nextSend: now + timeout, timeout: timeout))
        transmit(bytes)
    }

    private mutating func request(_ purpose: Purpose, _ id: TransactionID) -> [UInt8] {
        var builder = MessageBuilder(MessageType(.request, purpose.method), transactionID: id)
        switch purpose {
        case .allocate:
            builder.add(.requestedTransport, UInt32(17) << 24)
            if configuration.wantsIPv6 { builder.add(.requestedAddressFamily, UInt32(2) << 24) }
            if configuration.lifetime != Limits.defaultLifetime { builder.add(.lifetime, configuration.lifetime) }
        case .refresh(let lifetime): builder.add(.lifetime, lifetime)
        case .permission(let peer): builder.addXOR(.xorPeerAddress, peer)
        case .channel(let peer, let number):
            builder.add(.channelNumber, UInt32(number) << 16)
            builder.addXOR(.xorPeerAddress, peer)
        }
        guard let realm, let nonce else { return builder.finish(key: nil, fingerprint: false) }
        builder.addUsername(configuration.username)
        builder.add(.realm, Array(realm.utf8))
        builder.add(.nonce, Array(nonce.utf8))
        return builder.finish(key: key, fingerprint: false)
    }

    // MARK: From the server

    /// One datagram, or frame of the stream, from the server.
    ///
    /// - Throws: why it had no effect.
    public mutating func receive(_ datagram: RawSpan, now: Instant) throws(DropReason) {
        if ChannelData.isChannelData(datagram) {
            guard let (number, bytes) = ChannelData.parse(datagram) else { throw .turnMalformed }
            guard let peer = peers.first(where: { $0.channel == number }) else { throw .turnUnknownChannel }
            return emit(.received(datagram.extracting(bytes).copied(), from: peer.address))
        }
        let message: Message
        do throws(ParseError) { message = try Message(parsing: datagram) } catch { throw .stunMalformed }
        switch (message.type.messageClass, message.type.method) {
        case (.indication, .data):
            guard relayed != nil, let peer = message.xorPeerAddress, let data = message.value(of: .data) else {
                throw .turnMalformed
            }
            emit(.received(data.copied(), from: peer))
        case (.success, _), (.error, _): try receiveResponse(message, now)
        default: throw .stunUnknownMethod
        }
    }

    private mutating func receiveResponse(_ response: borrowing Message, _ now: Instant) throws(DropReason) {
        guard
            let index = pending.firstIndex(where: {
                $0.id == response.transactionID && $0.purpose.method == response.type.method
            })
        else { throw .stunUnexpectedResponse }
        if response.type.messageClass == .error, let code = response.errorCode,
            code == .unauthenticated || code == .staleNonce, let realm = response.realm, let nonce = response.nonce
        {
            let purpose = pending.remove(at: index).purpose
            return answerChallenge(code, realm, nonce, purpose, now)
        }
        // Everything but a challenge is of somebody who knows the password (RFC 8489 section 9.2.5).
        guard response.verifyIntegrity(key: key) else { throw .stunBadIntegrity }
        let purpose = pending.remove(at: index).purpose
        challenges = 0
        guard response.type.messageClass == .success else { return refused(purpose, response.errorCode, now) }
        switch purpose {
        case .allocate:
            guard let relayed = response.xorRelayedAddress, let mapped = response.xorMappedAddress,
                relayed.port != 0
            else { return fail(.malformed) }
            refreshLater(response.lifetime, now)
            allocated(relayed: relayed, mapped: mapped)
        case .refresh: refreshLater(response.lifetime, now)
        case .permission(let peer): permitted(peer, now)
        case .channel(let peer, let number):
            guard let peer = peers.firstIndex(where: { $0.address == peer }) else { return }
            peers[peer].channel = number
            peers[peer].channelExpiry = now + Limits.channelLifetime
            permitted(peers[peer].address, now)
        }
    }

    private mutating func answerChallenge(
        _ code: ErrorCode, _ realm: String, _ nonce: String, _ purpose: Purpose, _ now: Instant
    ) {
        // A nonce that we have just tried and is refused with a 401: the credentials are wrong.
        challenges += 1
        guard challenges <= Limits.challenges, code == .staleNonce || self.nonce == nil || self.realm != realm else {
            return fail(.unauthenticated)
        }
        self.realm = realm
        self.nonce = nonce
        key = LongTermCredential.key(
            username: configuration.username, realm: realm, password: configuration.password)
        start(purpose, now)
    }

    private mutating func refreshLater(_ lifetime: UInt32?, _ now: Instant) {
        let lifetime = Interval.seconds(Int64(lifetime ?? Limits.defaultLifetime))
        refreshAt = now + max(lifetime - Limits.refreshMargin, lifetime / 2)
    }

    private mutating func permitted(_ address: SocketAddress, _ now: Instant) {
        for index in peers.indices where peers[index].address.ip == address.ip {
            peers[index].permission = now + Limits.permissionLifetime
            let waiting = peers[index].waiting
            peers[index].waiting = []
            for data in waiting { pass(data, to: index, now) }
        }
    }

    private mutating func refused(_ purpose: Purpose, _ code: ErrorCode?, _ now: Instant) {
        switch purpose {
        case .allocate, .refresh: fail(code.map { .refused($0) } ?? .malformed)
        case .permission(let peer): losePermission(peer, code)
        case .channel(let peer, _): loseChannel(peer)
        }
    }

    private mutating func losePermission(_ address: SocketAddress, _ code: ErrorCode?) {
        for index in peers.indices where peers[index].address.ip == address.ip {
            peers[index].permission = nil
            peers[index].waiting = []
        }
        emit(.refused(peer: address, code))
    }

    /// The permission is another matter, and data goes in indications.
    private mutating func loseChannel(_ address: SocketAddress) {
        for index in peers.indices where peers[index].address == address { peers[index].channel = nil }
    }

    // MARK: Time

    public var deadline: Instant {
        var next = refreshAt
        for request in pending { next = min(next, request.nextSend) }
        for peer in peers {
            if let at = renewal(of: peer) { next = min(next, at) }
        }
        return next
    }

    /// When a peer's permission and channel are to be asked for again; nil for one that is not used any more.
    private func renewal(of peer: Peer) -> Instant? {
        guard let end = peer.permission, !isPending(.permission(peer.address)) else { return nil }
        if let channel = peer.channel, isPending(.channel(peer.address, channel)) { return nil }
        let at = end - Limits.refreshMargin
        guard peer.lastUsed + Limits.permissionLifetime > at else { return nil }
        return peer.channel == nil ? at : min(at, peer.channelExpiry - Limits.refreshMargin)
    }

    public mutating func advance(to now: Instant) {
        for index in pending.indices.reversed() where now >= pending[index].nextSend {
            guard pending[index].sends < Limits.requestSends else {
                let purpose = pending.remove(at: index).purpose
                unanswered(purpose)
                if case .failed = state { return }
                continue
            }
            pending[index].sends += 1
            pending[index].timeout = pending[index].timeout * 2
            pending[index].nextSend = now + pending[index].timeout
            transmit(pending[index].bytes)
        }
        if now >= refreshAt {
            refreshAt = .distantFuture
            start(.refresh(lifetime: configuration.lifetime), now)
        }
        for peer in peers {
            guard let at = renewal(of: peer), now >= at else { continue }
            // Binding a channel again renews its permission too (RFC 8656 section 12).
            start(peer.channel.map { .channel(peer.address, $0) } ?? .permission(peer.address), now)
        }
    }

    private mutating func unanswered(_ purpose: Purpose) {
        switch purpose {
        case .allocate, .refresh: fail(.noAnswer)
        case .permission(let peer): losePermission(peer, nil)
        case .channel(let peer, _): loseChannel(peer)
        }
    }
}

extension Client.Purpose {
    var method: Method {
        switch self {
        case .allocate: .allocate
        case .refresh: .refresh
        case .permission: .createPermission
        case .channel: .channelBind
        }
    }
}
