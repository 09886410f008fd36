/// What an operator may set about WHIP and WHEP.
public struct GatewayConfiguration: Sendable {
    /// Endpoints answer connectivity checks only (RFC 8445 section 2.5).
    public var isLite: Bool
    /// Workers look up the mDNS names in candidates; otherwise these are dropped at once.
    public var resolvesNames = false
    /// Publishers are told which of their simulcast encodings nobody wants.
    public var switchesEncodings = true
    /// Publishers and players of all rooms together.
    public var resourceLimit: Int
    /// Rooms at one time.
    public var roomLimit: Int
    /// STUN and TURN servers that clients are told, as `Link` values (RFC 9725 section 4.6).
    public var iceServerLinks: [String]
    /// The same for servers whose credentials are made for each client.
    public var temporaryICEServerLinks: (@Sendable () -> [String])?
    /// Checks a bearer token; nil lets everyone in.
    public var checkToken: TokenCheck?
    /// Draws an unguessable identifier of at least 128 random bits for URLs: replaced in tests.
    public var drawIdentifier: @Sendable () -> String
    /// What ICE credentials are drawn from: replaced in simulations.
    package var makeRandom: @Sendable () -> any RandomNumberGenerator = { SystemRandomNumberGenerator() }

    public init(
        isLite: Bool = false, resourceLimit: Int = 20_000, roomLimit: Int = 5_000, iceServerLinks: [String] = [],
        checkToken: TokenCheck? = nil
    ) {
        self.isLite = isLite
        self.resourceLimit = resourceLimit
        self.roomLimit = roomLimit
        self.iceServerLinks = iceServerLinks
        self.checkToken = checkToken
        drawIdentifier = Self.randomIdentifier
    }

    /// 22 characters that need no escape in a URL, six random bits each.
    private static let randomIdentifier: @Sendable () -> String = {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let characters = (0..<22).map { _ in alphabet[Int(random.next() >> 58)] }
        return String(decoding: characters, as: UTF8.self)
    }
}

/// - Parameters:
///   - token: as in the `Authorization` header.
///   - ignoringExpiry: for what goes on with a resource that was opened with the token.
public typealias TokenCheck = @Sendable (_ token: String, _ ignoringExpiry: Bool) async -> TokenVerdict

/// What a bearer token is worth.
public enum TokenVerdict: Hashable, Sendable {
    case valid(TokenGrant)
    /// In words for the client.
    case invalid(String)
}

/// What a valid token allows.
public struct TokenGrant: Hashable, Sendable {
    public var room: String?
    public var canPublish: Bool
    public var canSubscribe: Bool

    public init(room: String?, canPublish: Bool, canSubscribe: Bool) {
        self.room = room
        self.canPublish = canPublish
        self.canSubscribe = canSubscribe
    }
}

/// Gauges and counters for metrics and the status page.
public struct GatewayStatistics: Hashable, Sendable {
    public var rooms = 0
    public var publishers = 0
    public var players = 0
    /// Those of them whose ICE has a working pair.
    public var connected = 0
    /// Requests answered since start.
    public var requests: [RequestKind: UInt64] = [:]

    /// By what, how, and with which status.
    public struct RequestKind: Hashable, Sendable {
        /// `whip` or `whep`.
        public var endpoint: String
        public var method: String
        public var status: Int
    }

    public init() {}
}
