import Access
import Settings
import WHIP

/// What WHIP and WHEP are made of, by the settings.
enum GatewayAssembly {
    static func configuration(_ settings: ClusterSettings) async throws -> GatewayConfiguration {
        var configuration = GatewayConfiguration(
            isLite: settings.media.iceLite, resourceLimit: settings.limits.whipResources,
            iceServerLinks: settings.whip.iceServers.map { "<\($0)>; rel=\"ice-server\"" })
        configuration.resolvesNames = settings.media.resolveMDNS
        configuration.switchesEncodings = settings.whip.switchesOffUnwatchedLayers
        let relay = settings.turn
        let workers = settings.workers.count
        if relay.port > 0, !relay.hosts.isEmpty {
            configuration.temporaryICEServerLinks = { WorkerRelay.links(relay, workers: workers) }
        }
        guard !settings.keys.isEmpty else { return configuration }
        let keys = try await AccessKeys(settings.keys)
        configuration.checkToken = { token, ignoringExpiry in
            do throws(AccessError) {
                let grant = try await keys.verify(token, ignoringExpiry: ignoringExpiry)
                guard grant.canJoin else { return .invalid("the token has no roomJoin") }
                return .valid(
                    TokenGrant(room: grant.room, canPublish: grant.canPublish, canSubscribe: grant.canSubscribe))
            } catch {
                return .invalid("\(error)")
            }
        }
        return configuration
    }
}
