import DTLS
import ICE
package import RTP
import SDP
import Wire

/// What signalling came to for one client: all that its media thread needs.
struct NegotiatedClient: Sendable {
    var path: NegotiatedPath
    var media: [ClientSection]
}

/// The outcome of offer and answer for the transport.
struct NegotiatedPath: Sendable {
    var local: Credentials
    var remote: Credentials
    var remoteIsLite: Bool
    var remoteFingerprint: DTLS.Fingerprint
    var isDTLSClient: Bool
    /// The offerer controls (RFC 8445 section 6.1.1).
    var isControlling: Bool
    var candidates: [String]

    init(_ negotiation: Negotiation, local: Credentials, isControlling: Bool) throws {
        self.local = local
        remote = Credentials(ufrag: negotiation.remoteICE.ufrag, password: negotiation.remoteICE.password)
        remoteIsLite = negotiation.remoteIsLite
        remoteFingerprint = try DTLS.Fingerprint(
            algorithm: negotiation.remoteFingerprint.algorithm, value: negotiation.remoteFingerprint.value)
        isDTLSClient = negotiation.isDTLSClient
        self.isControlling = isControlling
        candidates = negotiation.remoteCandidates.map(\.candidate)
        guard !candidates.isEmpty else {
            throw SDPError(
                .missing, "the server's description has no candidate",
                hint: "the generator does not trickle: wait for the candidates before you answer")
        }
    }
}

/// One section of a client: whose media it is, and how it is sent or received.
package struct ClientSection: Sendable {
    package var publisher: Int
    package var mid: String
    package var kind: MediaKind
    /// Of a publisher what it sends, of a subscriber what it receives.
    package var parameters: RTPParameters

    package init(publisher: Int, mid: String, kind: MediaKind, parameters: RTPParameters) {
        self.publisher = publisher
        self.mid = mid
        self.kind = kind
        self.parameters = parameters
    }
}
