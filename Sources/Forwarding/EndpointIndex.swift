/// The dense slot of an endpoint. The reactor uses the same number for the endpoint's transport.
public struct EndpointIndex: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }

    var slot: Int { Int(rawValue) }
}

/// One outgoing stream: a sending media section of an endpoint.
///
/// Valid until the endpoint is closed or negotiated again; use it only within one drain.
public struct SubscriberIndex: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }

    var slot: Int { Int(rawValue) }
}
