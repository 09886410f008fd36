import Foundation
import Settings
import Testing

/// Reads `text` as a cluster.yml.
func settings(_ text: String) throws(SettingsError) -> ClusterSettings {
    try ClusterSettings(yaml: text, file: "cluster.yml")
}

/// The error that reading `text` gives.
func refusal(_ text: String) -> SettingsError? {
    do {
        _ = try settings(text)
        return nil
    } catch {
        return error
    }
}

@Suite struct ClusterSettingsTests {
    @Test func theShippedFileSaysTheDefaults() throws {
        let path = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("cluster.yml").path
        let data = try #require(FileManager.default.contents(atPath: path))
        #expect(try settings(String(decoding: data, as: UTF8.self)) == ClusterSettings())
    }

    @Test(arguments: ["", "# nothing\n", "signaling:\nmedia:\n", "workers: {}\n"])
    func nothingSaidMeansTheDefaults(text: String) throws {
        #expect(try settings(text) == ClusterSettings())
    }

    @Test func everyKeyTakesEffect() throws {
        let text = """
            cluster: north-1
            log_level: debug
            log:
              format: json
            signaling:
              listen: ["127.0.0.1:9000", 9001]
              kurento_path: /media/kurento
              allowed_origins: ["https://app.example.com"]
              pages: /srv/pages
              region: south
            tls:
              listen: ["[::1]:9443"]
              certificate: chain.pem
              key: key.pem
              password: secret
            media:
              udp_ports: 50000-50009
              tcp_ports: 443-445
              rtp_ports: 30000-30003
              http_ports: 30010-30015
              tcp_active: true
              interfaces: [eth0]
              excluded_interfaces: []
              announced_addresses:
                10.0.0.5: 203.0.113.7
              ipv6: false
              loopback: never
              ice_lite: true
              resolve_mdns: true
              pause_below_lowest_layer: true
              transcoding: false
            whip:
              switch_off_unwatched_layers: false
            gallery:
              enabled: false
              repository: http://127.0.0.1:7676/calls
              record_calls: true
            store:
              url: unix:/run/redis.sock
              start: false
            controllers:
              count: 2
              heartbeat_port: 41000
            workers:
              count: 3
              reactors: 2
              region: north
              labels:
                tier: gold
                disk: ""
            placement:
              strategy: power_of_two
              labels: {tier: gold}
            limits:
              sessions_per_worker: 10
              endpoints_per_reactor: 20
              endpoints_per_shard: 7
              connections: 30
              connections_per_address: 40
              session_garbage_period: 50
            """
        var expected = ClusterSettings()
        expected.cluster = "north-1"
        expected.logLevel = "debug"
        expected.log.format = .json
        expected.signaling.listen = [
            ListenAddress(host: "127.0.0.1", port: 9000), ListenAddress(host: "::", port: 9001),
        ]
        expected.signaling.kurentoPath = "media/kurento"
        expected.signaling.allowedOrigins = ["https://app.example.com"]
        expected.signaling.pages = "/srv/pages"
        expected.tls.listen = [ListenAddress(host: "::1", port: 9443)]
        expected.tls.certificate = .files(certificate: "chain.pem", key: "key.pem")
        expected.tls.password = "secret"
        expected.media.udpPorts = 50000...50009
        expected.media.tcpPorts = 443...445
        expected.media.rtpPorts = 30000...30003
        expected.media.httpPorts = 30010...30015
        expected.media.tcpActive = true
        expected.media.interfaces = ["eth0"]
        expected.media.excludedInterfaces = []
        expected.media.announcedAddresses = ["10.0.0.5": "203.0.113.7"]
        expected.media.ipv6 = false
        expected.media.loopback = .never
        expected.media.iceLite = true
        expected.media.resolveMDNS = true
        expected.media.pauseBelowLowestLayer = true
        expected.media.transcoding = false
        expected.whip.switchesOffUnwatchedLayers = false
        expected.gallery.isEnabled = false
        expected.gallery.repository = "http://127.0.0.1:7676/calls"
        expected.gallery.recordsCalls = true
        expected.store.url = "unix:/run/redis.sock"
        expected.store.start = false
        expected.controllers.count = 2
        expected.controllers.heartbeatPort = 41_000
        expected.workers.count = 3
        expected.workers.reactors = 2
        expected.workers.region = "north"
        expected.workers.labels = ["tier": "gold", "disk": ""]
        expected.signaling.region = "south"
        expected.placement.strategy = .powerOfTwo
        expected.placement.labels = ["tier": "gold"]
        expected.limits.sessionsPerWorker = 10
        expected.limits.endpointsPerReactor = 20
        expected.limits.endpointsPerShard = 7
        expected.limits.connections = 30
        expected.limits.connectionsPerAddress = 40
        expected.limits.sessionGarbagePeriod = 50
        #expect(try settings(text) == expected)
    }

    @Test func anEmptyListTurnsTLSOff() throws {
        #expect(try settings("tls:\n  listen: []\n").tls.listen == [])
    }

    @Test(arguments: [
        ("8888", "::", 8888), ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:443", "::1", 443), ("[::]:0", "::", 0),
        ("media.example.com:65535", "media.example.com", 65535),
    ])
    func anAddressIsHostAndPort(text: String, host: String, port: Int) {
        #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
    }

    @Test(arguments: [
        "", ":", "host", "host:", ":80", "host:port", "::1:80", "[]:80", "host:65536", "host:-1", "-1", "65536",
    ])
    func whatIsNoAddressIsRefused(text: String) { #expect(ListenAddress(text) == nil) }

    @Test(arguments: ["127.0.0.1:80", "[::1]:443", "media.example.com:1"])
    func anAddressIsWrittenAsItIsRead(text: String) { #expect(ListenAddress(text)?.description == text) }
}
