public import Foundation
import JWTKit

/// The keys of `cluster.yml`: who may make tokens, and the check of the tokens that come in.
///
/// A token is a JWT (RFC 7519) signed with HS256. `iss` names the key, `exp` and `nbf` bound its time, `video` holds
/// the grants. That is the form of LiveKit's access tokens, so that their libraries make tokens for this server.
public struct AccessKeys: Sendable {
    /// Shortest secret: as long as the hash that it keys (RFC 7518 section 3.2).
    public static let secretBytes = 32
    /// Longest token that is looked at, in bytes.
    static let tokenBytes = 8_192
    /// Slack for clocks that differ, in seconds.
    static let leeway = 10.0

    private let keys: [String: JWTKeyCollection]

    /// - Parameter secrets: by the key's name.
    /// - Throws: ``AccessError/badKey(_:_:)`` for a secret that is too short or a name that is empty.
    public init(_ secrets: [String: String]) async throws(AccessError) {
        var keys: [String: JWTKeyCollection] = [:]
        for (name, secret) in secrets {
            if let problem = Self.problem(name: name, secret: secret) { throw .badKey(name, problem) }
            keys[name] = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        }
        self.keys = keys
    }

    /// Why a key cannot be used; nil when it can.
    public static func problem(name: String, secret: String) -> String? {
        if name.isEmpty { return "a key needs a name" }
        let bytes = secret.utf8.count
        return bytes < secretBytes ? "a secret has at least \(secretBytes) bytes, this one \(bytes)" : nil
    }

    public var names: [String] { keys.keys.sorted() }

    /// What the token allows.
    /// - Parameter ignoringExpiry: for what was begun with the token while it was valid.
    /// - Throws: ``AccessError/badToken(_:)``, ``AccessError/expired`` or ``AccessError/tooEarly``.
    public func verify(_ token: String, ignoringExpiry: Bool = false, now: Date = Date()) async throws(AccessError)
        -> AccessGrant
    {
        guard token.utf8.count <= Self.tokenBytes else { throw .badToken("it is too long") }
        let bytes = Array(token.utf8)
        // Only HS256: what a token says about its own check is not to be followed (RFC 8725 section 3.1).
        guard let parsed = try? DefaultJWTParser().parse(bytes, as: AccessClaims.self), parsed.header.alg == "HS256"
        else { throw .badToken("it is not a JWT with claims of ours, signed with HS256") }
        guard let key = keys[parsed.payload.iss] else { throw .badToken("`iss` names no key of this server") }
        guard let claims = try? await key.verify(token, as: AccessClaims.self) else {
            throw .badToken("its signature is wrong")
        }
        let seconds = now.timeIntervalSince1970
        if let start = claims.nbf, seconds + Self.leeway < start { throw .tooEarly }
        guard let end = claims.exp else { throw .badToken("it has no `exp`") }
        if !ignoringExpiry, seconds - Self.leeway >= end { throw .expired }
        return claims.grant
    }

    /// Makes a token.
    /// - Throws: ``AccessError/unknownKey(_:)``.
    public func sign(
        _ grant: AccessGrant, key name: String, lifetime: Double, now: Date = Date()
    ) async throws(AccessError) -> String {
        guard let key = keys[name] else { throw .unknownKey(name) }
        let seconds = now.timeIntervalSince1970.rounded(.down)
        let claims = AccessClaims(
            iss: name, sub: grant.identity, nbf: seconds, exp: seconds + lifetime,
            video: AccessClaims.Video(
                room: grant.room, roomJoin: grant.canJoin, canPublish: grant.canPublish,
                canSubscribe: grant.canSubscribe),
            operator: grant.isOperator ? true : nil)
        do {
            return try await key.sign(claims)
        } catch {
            throw .badToken("it cannot be signed: \(error)")
        }
    }
}

/// What a token allows its bearer.
public struct AccessGrant: Hashable, Sendable {
    /// The one room; nil allows none.
    public var room: String?
    public var canJoin: Bool
    public var canPublish: Bool
    public var canSubscribe: Bool
    /// Whom the token was made for.
    public var identity: String?
    /// May drain workers.
    public var isOperator = false

    public init(room: String?, canJoin: Bool = true, canPublish: Bool, canSubscribe: Bool, identity: String? = nil) {
        self.room = room
        self.canJoin = canJoin
        self.canPublish = canPublish
        self.canSubscribe = canSubscribe
        self.identity = identity
    }
}

/// Why a key or a token was refused.
public enum AccessError: Error, Hashable, Sendable, CustomStringConvertible {
    case badKey(String, String)
    case unknownKey(String)
    case badToken(String)
    case expired
    /// `nbf` is still to come.
    case tooEarly

    public var description: String {
        switch self {
        case .badKey(let name, let problem): "key `\(name)`: \(problem)"
        case .unknownKey(let name): "there is no key `\(name)`"
        case .badToken(let problem): "the token is not valid: \(problem)"
        case .expired: "the token has expired"
        case .tooEarly: "the token is not valid yet"
        }
    }
}

/// The claims in the form that they are signed in.
struct AccessClaims: JWTPayload {
    struct Video: Codable, Sendable {
        var room: String?
        var roomJoin: Bool?
        /// Absent means yes, as LiveKit has it.
        var canPublish: Bool?
        var canSubscribe: Bool?
    }

    var iss: String
    var sub: String?
    /// Seconds since 1970 (RFC 7519 section 2, NumericDate).
    var nbf: Double?
    var exp: Double?
    var video: Video?
    /// A claim of our own, at the top: no library for LiveKit's tokens sets it by chance.
    var `operator`: Bool?

    /// Times are checked by ``AccessKeys``, which knows the caller's clock.
    func verify(using algorithm: some JWTAlgorithm) throws {}

    var grant: AccessGrant {
        var grant = AccessGrant(
            room: video?.room, canJoin: video?.roomJoin ?? false, canPublish: video?.canPublish ?? true,
            canSubscribe: video?.canSubscribe ?? true, identity: sub)
        grant.isOperator = `operator` ?? false
        return grant
    }
}
