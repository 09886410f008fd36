public import Logging
import RTP
public import Session

/// The engine of WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): HTTP requests in, responses out, media through a
/// ``MediaPlane``. It has no sockets.
///
/// A publisher POSTs an offer to `/whip/{room}`, a player to `/whep/{room}`; both get an answer and the URL of a
/// resource, to PATCH for trickle ICE and ICE restarts and to DELETE. A room is one session of the plane. It is there
/// from the first of them to the last, whichever comes first: a player without a publisher waits.
///
/// One actor holds all tables, so a request sees them consistent between two awaits. What changes one resource passes
/// that resource's ``SerialGate``; a worker that is slow for one room delays no other.
public actor Gateway {
    let plane: any MediaPlane
    /// Nil when nothing outlives this process.
    let memory: (any SignalingMemory)?
    let configuration: GatewayConfiguration
    let logger: Logger

    var rooms: [String: Room] = [:]
    /// By secret.
    var resources: [String: Resource] = [:]
    private var requests: [GatewayStatistics.RequestKind: UInt64] = [:]

    /// - Parameter memory: where rooms are kept, so that another process can go on with them.
    public init(
        plane: any MediaPlane, memory: (any SignalingMemory)? = nil,
        configuration: GatewayConfiguration = GatewayConfiguration(), logger: Logger
    ) {
        self.plane = plane
        self.memory = memory
        self.configuration = configuration
        self.logger = logger
    }

    /// Does one request. Cross-origin headers are the front door's to add.
    public func respond(to request: GatewayRequest) async -> GatewayResponse {
        var response: GatewayResponse
        do throws(GatewayError) {
            response = try await handle(request)
        } catch {
            response = error.response
        }
        // What the client is told must not be forgotten with this process.
        if request.path.count >= 2, let room = rooms[request.path[1]] { await remember(room) }
        // What another controller does is counted when that is done.
        if response.elsewhere == nil { count(request, response.status) }
        return response
    }

    /// A request whose room is at another controller has been answered, by that one or for want of a way to it.
    public func answeredElsewhere(_ request: GatewayRequest, status: Int) { count(request, status) }

    /// Closes every room, for an orderly stop.
    public func closeAll() async {
        for room in rooms.values.sorted(by: { $0.name < $1.name }) { await lose(room, nil) }
    }

    public var statistics: GatewayStatistics {
        var statistics = GatewayStatistics()
        statistics.rooms = rooms.count
        for resource in resources.values {
            if resource.role == .publisher { statistics.publishers += 1 } else { statistics.players += 1 }
            if resource.isConnected { statistics.connected += 1 }
        }
        statistics.requests = requests
        return statistics
    }

    private static let methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

    private func count(_ request: GatewayRequest, _ status: Int) {
        let kind = GatewayStatistics.RequestKind(
            endpoint: request.path.first == Resource.Role.player.rawValue ? "whep" : "whip",
            method: Self.methods.contains(request.method) ? request.method : "other", status: status)
        requests[kind, default: 0] += 1
    }

    private func handle(_ request: GatewayRequest) async throws(GatewayError) -> GatewayResponse {
        guard let first = request.path.first, let role = Resource.Role(rawValue: first) else { throw .notFound }
        switch request.path.count {
        case 2:
            switch request.method {
            case "POST": return try await post(request, role, room: request.path[1])
            case "OPTIONS":
                return GatewayResponse(200, headers: [("Allow", "OPTIONS, POST"), ("Accept-Post", "application/sdp")])
            default: throw .badMethod("OPTIONS, POST")
            }
        case 3:
            let allowed = "DELETE, OPTIONS, PATCH"
            if request.method == "OPTIONS" {
                return GatewayResponse(200, headers: [("Allow", allowed), Self.acceptPatch])
            }
            guard ["PATCH", "DELETE"].contains(request.method) else { throw .badMethod(allowed) }
            let resource = try await resource(request, role)
            if request.method == "PATCH" { return try await patch(request, resource) }
            await end(resource, "deleted")
            return GatewayResponse(200)
        case 4 where role == .player && request.path[3] == Self.layerComponent:
            let allowed = "GET, HEAD, OPTIONS, POST"
            if request.method == "OPTIONS" { return GatewayResponse(200, headers: [("Allow", allowed)]) }
            guard ["GET", "HEAD", "POST"].contains(request.method) else { throw .badMethod(allowed) }
            let resource = try await resource(request, role)
            return request.method == "POST" ? try await selectLayers(request, resource) : try layers(of: resource)
        case 4 where request.path[3] == Self.eventsComponent:
            let allowed = "GET, HEAD, OPTIONS, POST"
            if request.method == "OPTIONS" { return GatewayResponse(200, headers: [("Allow", allowed)]) }
            guard ["GET", "HEAD", "POST"].contains(request.method) else { throw .badMethod(allowed) }
            return events(request, of: try await resource(request, role))
        default: throw .notFound
        }
    }

    /// The resource of the request's URL, if the request may touch it.
    private func resource(_ request: GatewayRequest, _ role: Resource.Role) async throws(GatewayError) -> Resource {
        // The resource was opened with a token that was valid then: what ends a long session must not be refused.
        try await authorize(request, role, room: request.path[1], ignoringExpiry: true)
        if resources[request.path[2]] == nil { _ = try await revive(request.path[1]) }
        guard let resource = resources[request.path[2]], resource.role == role, resource.room.name == request.path[1],
            !resource.isEnded
        else { throw .notFound }
        return resource
    }

    func authorize(
        _ request: GatewayRequest, _ role: Resource.Role, room: String, ignoringExpiry: Bool
    ) async throws(GatewayError) {
        guard let check = configuration.checkToken else { return }
        guard let token = request.bearerToken else {
            throw GatewayError(
                401, "a bearer token is needed: send Authorization: Bearer with one from `apus token`",
                headers: [("WWW-Authenticate", "Bearer realm=\"apus\"")])
        }
        let grant: TokenGrant
        switch await check(token, ignoringExpiry) {
        case .valid(let valid): grant = valid
        case .invalid(let reason):
            throw GatewayError(
                401, "\(reason); get a new one",
                headers: [("WWW-Authenticate", "Bearer realm=\"apus\", error=\"invalid_token\"")])
        }
        let isDirectionAllowed = role == .publisher ? grant.canPublish : grant.canSubscribe
        guard grant.room == room, isDirectionAllowed else {
            let what = grant.room == room ? (role == .publisher ? "publishing" : "playing") : "this room"
            throw GatewayError(
                403, "the token does not allow \(what)",
                headers: [("WWW-Authenticate", "Bearer realm=\"apus\", error=\"insufficient_scope\"")])
        }
    }

    static let layerComponent = "layer"
    static let acceptPatch = (name: "Accept-Patch", value: "application/trickle-ice-sdpfrag")
}
