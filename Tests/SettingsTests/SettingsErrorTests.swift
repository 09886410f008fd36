import Settings
import Testing

/// A file that cannot be used names the line, the key and what to write instead.
@Suite struct SettingsErrorTests {
    struct Case: Sendable {
        var text: String
        var line: Int?
        var key: String
        var problem: String
        var fix: String
    }

    static let cases = [
        Case(text: "cluster: \"a b\"\n", line: 1, key: "cluster", problem: "a name", fix: "cluster: default"),
        Case(
            text: "\nlog_level: loud\n", line: 2, key: "log_level", problem: "`loud` is not a log level",
            fix: "log_level: info"),
        Case(
            text: "log:\n  format: xml\n", line: 2, key: "log.format", problem: "`xml` is not one of text, json",
            fix: "format: json"),
        Case(
            text: "placement:\n  strategy: best\n", line: 2, key: "placement.strategy",
            problem: "`best` is not one of least_sessions, power_of_two, pack", fix: "strategy: power_of_two"),
        Case(
            text: "signaling:\n  region: a b\n", line: 2, key: "signaling.region", problem: "`a b` is not at most 64",
            fix: "region: eu-central"),
        Case(
            text: "workers:\n  region: \(String(repeating: "x", count: 65))\n", line: 2, key: "workers.region",
            problem: "at most 64", fix: "region: eu-central"),
        Case(
            text: "workers:\n  labels: [a]\n", line: 2, key: "workers.labels", problem: "must be a mapping",
            fix: "tier: gold"),
        Case(
            text: "workers:\n  labels: {tier: \"a,b\"}\n", line: 2, key: "workers.labels",
            problem: "`tier: a,b` is not a label", fix: "tier: gold"),
        Case(
            text: "placement:\n  labels: {\((0..<33).map { "k\($0): v" }.joined(separator: ", "))}\n", line: 2,
            key: "placement.labels", problem: "33 labels are too many; 32", fix: "Leave out"),
        Case(
            text: "gallery:\n  repository: ftp://example.com\n", line: 2, key: "gallery.repository",
            problem: "`ftp://example.com` is not an http or https address", fix: "http://"),
        Case(text: "signaling: 1\n", line: 1, key: "signaling", problem: "must be a section", fix: "key: value"),
        Case(
            text: "signaling:\n  listen: [nowhere]\n", line: 2, key: "signaling.listen", problem: "`nowhere`",
            fix: "8888"),
        Case(
            text: "signaling:\n  listen: 8888\n", line: 2, key: "signaling.listen", problem: "must be a list",
            fix: "[one, two]"),
        Case(
            text: "signaling:\n  kurento_path: a?b\n", line: 2, key: "signaling.kurento_path", problem: "a URL path",
            fix: "kurento"),
        Case(text: "tls:\n  key: key.pem\n", line: 2, key: "tls.key", problem: "no certificate", fix: "certificate"),
        Case(
            text: "tls:\n  certificate: [a]\n", line: 2, key: "tls.certificate", problem: "one text value",
            fix: "certificate:"),
        Case(text: "media:\n  udp_ports: 9-1\n", line: 2, key: "media.udp_ports", problem: "`9-1`", fix: "40000-40199"),
        Case(text: "media:\n  udp_ports: 0-9\n", line: 2, key: "media.udp_ports", problem: "`0-9`", fix: "40000-40199"),
        Case(
            text: "media:\n  udp_ports: 1-70000\n", line: 2, key: "media.udp_ports", problem: "`1-70000`",
            fix: "40000-40199"),
        Case(
            text: "media:\n  rtp_ports: 30000-30002\n", line: 2, key: "media.rtp_ports", problem: "`30000-30002`",
            fix: "40200-40999"),
        Case(
            text: "media:\n  ipv6: perhaps\n", line: 2, key: "media.ipv6", problem: "neither true nor false",
            fix: "ipv6: true"),
        Case(
            text: "media:\n  loopback: yes please\n", line: 2, key: "media.loopback", problem: "always or never",
            fix: "auto"),
        Case(
            text: "media:\n  announced_addresses: here\n", line: 2, key: "media.announced_addresses",
            problem: "a mapping", fix: "10.0.0.5: 203.0.113.7"),
        Case(text: "keys:\n  web: short\n", line: 1, key: "keys", problem: "`web` has 5 bytes", fix: "openssl rand"),
        Case(text: "keys: [a]\n", line: 1, key: "keys", problem: "a mapping", fix: "name: secret"),
        Case(
            text: "whip:\n  ice_servers: [\"http://x\"]\n", line: 2, key: "whip.ice_servers",
            problem: "not a STUN", fix: "stun:"),
        Case(text: "turn:\n  port: 3478\n", line: nil, key: "turn.secret", problem: "32 bytes", fix: "openssl rand"),
        Case(
            text: "turn:\n  port: 3478\n  secret: short\n", line: 3, key: "turn.secret", problem: "32 bytes",
            fix: "openssl rand"),
        Case(text: "turn:\n  hosts: [\"a b\"]\n", line: 2, key: "turn.hosts", problem: "`a b`", fix: "example.com"),
        Case(
            text: "turn:\n  connections_per_address: 0\n", line: 2, key: "turn.connections_per_address",
            problem: "from 1 to 4096", fix: "256"),
        Case(text: "store:\n  url: http://x\n", line: 2, key: "store.url", problem: "Redis address", fix: "redis://"),
        Case(text: "workers:\n  count: 0\n", line: 2, key: "workers.count", problem: "from 1 to 64", fix: "count: 2"),
        Case(text: "workers:\n  count: many\n", line: 2, key: "workers.count", problem: "`many`", fix: "count: 2"),
        Case(
            text: "limits:\n  connections: 1.5\n", line: 2, key: "limits.connections", problem: "whole number",
            fix: "10000"),
        Case(
            text: "media: {udp_ports: 1-2}\nworkers:\n  count: 3\n", line: nil, key: "media.udp_ports",
            problem: "2 ports are too few for 3", fix: "at least 3"),
        Case(
            text: "media: {tcp_ports: 443}\nworkers:\n  count: 3\n", line: nil, key: "media.tcp_ports",
            problem: "1 ports are too few for 3", fix: "`none`"),
        Case(text: "media:\n  tcp_ports: https\n", line: 2, key: "media.tcp_ports", problem: "`https`", fix: "443"),
        Case(
            text: "workers:\n  cuont: 2\n", line: 2, key: "workers.cuont", problem: "no such key",
            fix: "Did you mean `count`?"),
        Case(
            text: "limits:\n  zebra: 2\n", line: 2, key: "limits.zebra", problem: "no such key",
            fix: "sessions_per_worker"),
        Case(
            text: "wrokers:\n  count: 2\n", line: 1, key: "wrokers", problem: "no such key",
            fix: "Did you mean `workers`?"),
        Case(text: "cluster: a\n\ncluster: b\n", line: nil, key: "cluster", problem: "twice", fix: "one of them"),
        Case(text: "workers:\n  count: 1\n  count: 2\n", line: nil, key: "count", problem: "twice", fix: "one of them"),
        Case(text: "workers: [\n", line: nil, key: "", problem: "not valid YAML", fix: "indentation"),
        Case(text: "workers:\n\tcount: 1\n", line: 2, key: "", problem: "not valid YAML", fix: "tabs"),
        Case(text: "just words\n", line: 1, key: "", problem: "must be a section", fix: "key: value"),
    ]

    @Test(arguments: cases)
    func aMistakeNamesItsLineAndItsFix(mistake: Case) throws {
        let error = try #require(refusal(mistake.text), "accepted: \(mistake.text)")
        #expect(error.file == "cluster.yml")
        if let line = mistake.line { #expect(error.line == line) }
        #expect(error.line != nil)
        #expect(error.key.hasSuffix(mistake.key))
        #expect(error.problem.contains(mistake.problem), "\(error)")
        #expect(error.fix.contains(mistake.fix), "\(error)")
    }

    @Test func anErrorReadsAsOneLine() {
        let error = refusal("workers:\n  cuont: 2\n")
        #expect(error?.description == "cluster.yml:2: workers.cuont: there is no such key. Did you mean `count`?")
    }
}
