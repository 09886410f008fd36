/// Why a candidate line is of no use here. Payload-free; none needs an answer to the peer.
public enum CandidateError: Error, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// Not a candidate line of RFC 8839 section 5.1.
    case malformed
    /// Longer or with more fields than ``Limits`` allow.
    case tooLong
    /// A transport that does not exist, or TCP's simultaneous open.
    case unsupportedTransport
    /// The peer opens connections from there: nobody can be asked there, and its first check tells where it is
    /// (RFC 6544 section 6.2).
    case activeOnly
    /// RTCP's own component: this side always multiplexes (RFC 8834 section 4.5).
    case unsupportedComponent
    /// An mDNS name, `….local`: the browser hides its address, and reaches us as peer reflexive. Who can resolve it
    /// adds the candidate again with the address.
    case mdnsName
    /// Any other name. Names are never resolved: the server is no port scanner.
    case unresolvedName
    /// Unspecified, multicast, broadcast, cloud metadata, port 0, or loopback without a local loopback.
    case disallowedAddress
    /// More candidates than ``Limits`` allow.
    case overLimit
    /// The agent was closed.
    case closed
}
