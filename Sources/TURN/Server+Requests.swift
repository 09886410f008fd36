import STUN
import Wire

/// What clients ask for, and whether they may.
extension Server {
    /// A request whose sender has shown the key of a user.
    struct Identity {
        var username: String
        var key: [UInt8]
    }

    mutating func receiveMessage(
        _ datagram: RawSpan, from client: Tuple, _ now: Instant
    ) throws(DropReason) -> FromClient {
        guard client.remote.port != 0 else { throw .stunMalformed }
        let message: Message
        do throws(ParseError) { message = try Message(parsing: datagram) } catch { throw .stunMalformed }
        guard !message.has(.fingerprint) || message.verifyFingerprint() else { throw .stunBadFingerprint }
        switch (message.type.messageClass, message.type.method) {
        case (.indication, .send): return try receiveSend(message, from: client, now)
        case (.indication, .binding): return .control
        case (.request, .binding): try answerBinding(message, client, datagram.byteCount, now)
        case (.request, .allocate), (.request, .refresh), (.request, .createPermission), (.request, .channelBind):
            try receiveRequest(message, from: client, datagram.byteCount, now)
        case (.success, _), (.error, _): throw .stunUnexpectedResponse
        default: throw .stunUnknownMethod
        }
        return .control
    }

    private mutating func receiveRequest(
        _ request: borrowing Message, from client: Tuple, _ length: Int, _ now: Instant
    ) throws(DropReason) {
        guard let identity = try authenticate(request, client, length, now) else { return }
        let known = clients.slot(for: client)
        guard request.unknownCount == 0 else { return refuse(request, client, .unknownAttribute, identity) }
        if let known, allocations[known].username != identity.username, request.type.method != .allocate {
            return refuse(request, client, .wrongCredentials, identity)
        }
        switch request.type.method {
        case .allocate: allocate(request, client, identity, now)
        case .refresh: refresh(request, client, identity, now)
        case .createPermission: createPermission(request, client, identity, now)
        default: bindChannel(request, client, identity, now)
        }
    }

    // MARK: RFC 8489 section 9.2.4

    /// Nil when the request was answered with a challenge or refusal.
    private mutating func authenticate(
        _ request: borrowing Message, _ client: Tuple, _ length: Int, _ now: Instant
    ) throws(DropReason) -> Identity? {
        guard request.has(.messageIntegrity) else {
            try challenge(request, client, .unauthenticated, length, now)
            return nil
        }
        guard let username = request.username, let realm = request.realm, let nonce = request.nonce,
            username.utf8.count <= Limits.textBytes, realm.utf8.count <= Limits.textBytes
        else {
            // Shorter than what it answers, which had an integrity.
            refuse(request, client, .badRequest, nil)
            return nil
        }
        guard nonceKey.verify(nonce, from: client.remote, second: second(now)) == .good else {
            try challenge(request, client, .staleNonce, length, now)
            return nil
        }
        // A nonce that is good was received at this address: what follows is no answer to a stranger.
        for password in passwords(of: username, method: request.type.method, now) where realm == configuration.realm {
            let key = LongTermCredential.key(username: username, realm: realm, password: password)
            if request.verifyIntegrity(key: key) { return Identity(username: username, key: key) }
        }
        try challenge(request, client, .unauthenticated, length, now)
        return nil
    }

    /// A temporary name that is over makes nothing new; what it has already, it may keep: a call is not cut because
    /// it is long.
    private func passwords(of username: String, method: Method, _ now: Instant) -> [String] {
        if let password = configuration.users[username] { return [password] }
        guard !configuration.secrets.isEmpty, let end = LongTermCredential.end(of: username) else { return [] }
        guard method != .allocate || end >= configuration.unixTimeAtOrigin + second(now) else { return [] }
        return configuration.secrets.map { LongTermCredential.temporaryPassword(username: username, secret: $0) }
    }

    func second(_ now: Instant) -> Int64 { Int64(clamping: now.nanoseconds / 1_000_000_000) }

    // MARK: Answers

    /// 401 and 438, with what the client needs to try again.
    private mutating func challenge(
        _ request: borrowing Message, _ client: Tuple, _ code: ErrorCode, _ length: Int, _ now: Instant
    ) throws(DropReason) {
        var builder = MessageBuilder(
            MessageType(.error, request.type.method), transactionID: request.transactionID)
        builder.addErrorCode(code)
        builder.add(.realm, Array(configuration.realm.utf8))
        builder.add(.nonce, Array(nonceKey.nonce(for: client.remote, second: second(now)).utf8))
        let bytes = builder.finish(key: nil, fingerprint: request.has(.fingerprint))
        try sendToStranger(bytes, client, length, now)
    }

    /// Where the request came from (RFC 8489 section 6.3.1), as short as it can be.
    private mutating func answerBinding(
        _ request: borrowing Message, _ client: Tuple, _ length: Int, _ now: Instant
    ) throws(DropReason) {
        var builder = MessageBuilder(
            MessageType(request.unknownCount == 0 ? .success : .error), transactionID: request.transactionID)
        if request.unknownCount == 0 {
            builder.addXORMappedAddress(client.remote)
        } else {
            builder.addErrorCode(.unknownAttribute)
            builder.addUnknownAttributes(request.unknownAttributes)
        }
        let bytes = builder.finish(key: nil, fingerprint: request.has(.fingerprint))
        try sendToStranger(bytes, client, length, now)
    }

    /// Deviation from "no answer larger than its question": a 401 without realm and nonce would be of no use (RFC 8489
    /// section 9.2.4), and with them it is larger than the bare Allocate that clients begin with. Those answers are
    /// counted for each address, so that the server is a poor reflector; over a stream the address is proved.
    private mutating func sendToStranger(
        _ bytes: [UInt8], _ client: Tuple, _ length: Int, _ now: Instant
    ) throws(DropReason) {
        let isStream = configuration.listeners[Int(client.socket)].isStream
        guard bytes.count <= length || isStream || strangers.take(client.remote.ip, now: now) else {
            throw .turnStrangerThrottled
        }
        send(bytes, to: client)
    }

    mutating func refuse(
        _ request: borrowing Message, _ client: Tuple, _ code: ErrorCode, _ identity: Identity?
    ) {
        var builder = MessageBuilder(
            MessageType(.error, request.type.method), transactionID: request.transactionID)
        builder.addErrorCode(code)
        if code == .unknownAttribute {
            // DONT-FRAGMENT is one of them, as RFC 8656 section 7.2 wants it of servers that do not do it.
            builder.addUnknownAttributes(request.unknownAttributes)
        }
        send(builder.finish(key: identity?.key, fingerprint: request.has(.fingerprint)), to: client)
    }

    mutating func succeed(
        _ request: borrowing Message, _ client: Tuple, _ identity: Identity,
        _ build: (inout MessageBuilder) -> Void = { _ in }
    ) {
        var builder = MessageBuilder(
            MessageType(.success, request.type.method), transactionID: request.transactionID)
        build(&builder)
        send(builder.finish(key: identity.key, fingerprint: request.has(.fingerprint)), to: client)
    }

    /// What finds no room is lost, and asked for again.
    mutating func send(_ bytes: [UInt8], to client: Tuple) {
        transmits.push(Transmit(client: client, bytes: bytes))
    }
}
