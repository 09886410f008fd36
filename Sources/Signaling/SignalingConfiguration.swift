/// What the front door listens on and lets in.
public struct SignalingConfiguration: Sendable {
    /// One address and port.
    public struct Listener: Sendable {
        /// A name or address. `::` takes IPv4 too, and falls back to `0.0.0.0` on a host without IPv6.
        public var host: String
        /// 0 lets the system choose; ``SignalingServer/boundPorts()`` tells what it chose.
        public var port: Int
        /// Speaks TLS with this identity.
        public var identity: TLSIdentity?

        public init(host: String, port: Int, identity: TLSIdentity? = nil) {
            self.host = host
            self.port = port
            self.identity = identity
        }
    }

    public var listeners: [Listener]
    /// Path of the Kurento WebSocket. The leading slash does not matter.
    public var kurentoPath = "/kurento"
    /// Directory of the page, read once at start; nil serves none.
    public var webDirectory: String?
    /// Directory of the operator's own pages, which are served before those; read once at start.
    public var pagesDirectory: String?
    /// Origins (`https://example.org`) whose pages may open a WebSocket; empty lets all in. Clients
    /// that are no browser send no origin and are let in.
    public var allowedOrigins: [String] = []
    public var limits = SignalingLimits()

    public init(listeners: [Listener]) {
        self.listeners = listeners
    }
}

/// A certificate chain and its private key, in PEM.
public struct TLSIdentity: Sendable {
    public var certificatePEM: [UInt8]
    public var keyPEM: [UInt8]

    /// Passphrase of the key, if it has one.
    public var password: String?

    public init(certificatePEM: [UInt8], keyPEM: [UInt8], password: String? = nil) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        self.password = password
    }

    /// One PEM that holds both, as Kurento's `defaultCertificate.pem` does.
    public init(pem: [UInt8]) {
        self.init(certificatePEM: pem, keyPEM: pem)
    }
}

/// Why the front door could not start.
public enum SignalingError: Error, CustomStringConvertible {
    case tlsIdentity(String)
    case webDirectory(String)
    /// The address is taken, not ours, or not allowed.
    case cannotListen(host: String, port: Int, reason: String)
    /// A listener ended before it was bound.
    case notListening

    public var description: String {
        switch self {
        case .tlsIdentity(let reason): "the TLS certificate or key cannot be used: \(reason)"
        case .webDirectory(let reason): "pages cannot be served: \(reason)"
        case .cannotListen(let host, let port, let reason): "cannot listen on \(host) port \(port): \(reason)"
        case .notListening: "the server ended before it listened"
        }
    }
}
