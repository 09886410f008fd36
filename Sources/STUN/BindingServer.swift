public import Wire

/// Answers Binding requests (RFC 8489) and, with a second address and port, those that find out about NATs (RFC 5780).
///
/// Keeps nothing between requests, so that nobody can fill it; an answer is a function of its request.
public struct BindingServer: Sendable {
    /// An answer, and which of the server's endpoints it leaves from.
    public struct Answer: Hashable, Sendable {
        public var endpoint: Int
        public var destination: SocketAddress
        public var bytes: [UInt8]
    }

    /// One, or four: the first address with both ports, then the second with both.
    public let endpoints: [SocketAddress]

    /// A server without a second address, to be asked at any of its endpoints.
    public init(endpoints: [SocketAddress]) {
        self.endpoints = endpoints
        hasAlternates = false
    }

    /// A server that can answer from elsewhere.
    public init(addresses: (IPAddress, IPAddress), ports: (UInt16, UInt16)) {
        endpoints = [addresses.0, addresses.1].flatMap { ip in
            [ports.0, ports.1].map { SocketAddress(ip: ip, port: $0) }
        }
        hasAlternates = true
    }

    private let hasAlternates: Bool

    /// One datagram that came in at an endpoint.
    ///
    /// Throws why there is no answer: what is no Binding request gets none, so that nothing can be reflected that was
    /// not asked for in due form.
    public func answer(
        _ datagram: RawSpan, from source: SocketAddress, at endpoint: Int
    ) throws(DropReason) -> Answer {
        let request: Message
        do throws(ParseError) { request = try Message(parsing: datagram) } catch { throw .stunMalformed }
        guard request.type.method == .binding else { throw .stunUnknownMethod }
        guard request.type.messageClass == .request else { throw .stunUnexpectedResponse }
        guard !request.has(.fingerprint) || request.verifyFingerprint() else { throw .stunBadFingerprint }
        guard source.port != 0 else { throw .stunMalformed }
        let change = request.changeRequest ?? []
        guard request.unknownCount == 0, change.isEmpty || hasAlternates else {
            return refuse(request, source, endpoint, change: change)
        }
        // Bit 1 is the address and bit 0 the port.
        var origin = endpoint
        if change.contains(.address) { origin ^= 2 }
        if change.contains(.port) { origin ^= 1 }
        var builder = MessageBuilder(MessageType(.success), transactionID: request.transactionID)
        builder.addXORMappedAddress(source)
        builder.add(.responseOrigin, endpoints[origin])
        if hasAlternates { builder.add(.otherAddress, endpoints[endpoint ^ 3]) }
        // Only the port can be another: nobody can have somebody else's machine answered.
        var destination = source
        if let port = request.responsePort, port != 0 { destination.port = port }
        return Answer(
            endpoint: origin, destination: destination,
            bytes: builder.finish(key: nil, fingerprint: request.has(.fingerprint)))
    }

    /// RFC 8489 section 6.3.1; RFC 5780 section 6.1 for a change that the server cannot make.
    private func refuse(
        _ request: borrowing Message, _ source: SocketAddress, _ endpoint: Int, change: ChangeRequest
    ) -> Answer {
        var builder = MessageBuilder(MessageType(.error), transactionID: request.transactionID)
        builder.addErrorCode(.unknownAttribute)
        let types = request.unknownAttributes
        builder.addUnknownAttributes(
            change.isEmpty || hasAlternates ? types : types + [AttributeType.changeRequest.rawValue])
        return Answer(
            endpoint: endpoint, destination: source,
            bytes: builder.finish(key: nil, fingerprint: request.has(.fingerprint)))
    }
}
