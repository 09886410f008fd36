/// What `cluster.yml` says, with defaults filled in. The file itself is the operator's manual.
public struct ClusterSettings: Sendable, Equatable {
    /// Prefix of every key in the store, so that clusters can share one Redis.
    public var cluster = "default"
    public var signaling = SignalingSettings()
    public var tls = TLSSettings()
    public var media = MediaSettings()
    public var files = FileSettings()
    public var store = StoreSettings()
    public var controllers = ControllerSettings()
    public var workers = WorkerSettings()
    public var placement = PlacementSettings()
    public var limits = LimitSettings()
    /// Secrets by key name, for bearer tokens; empty lets everyone publish and play.
    public var keys: [String: String] = [:]
    public var whip = WHIPSettings()
    public var gallery = GallerySettings()
    public var turn = TURNSettings()
    public var log = LogSettings()
    /// `trace`, `debug`, `info`, `notice`, `warning` or `error`.
    public var logLevel = "info"

    public init() {}
}

/// How the processes log.
public struct LogSettings: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable {
        /// For people.
        case text
        /// One JSON object on each line.
        case json
    }

    public var format = Format.text

    public init() {}
}

/// Where clients reach the controller: the Kurento protocol, the page, status and metrics.
public struct SignalingSettings: Sendable, Equatable {
    /// `host:port`; `[::]:8888` takes IPv4 too.
    public var listen: [ListenAddress] = [ListenAddress(host: "::", port: 8888)]
    /// Path of the Kurento protocol, without the leading slash.
    public var kurentoPath = "kurento"
    /// Origins that may open a WebSocket; empty allows every one.
    public var allowedOrigins: [String] = []
    /// A folder of pages that are served before Apus's own; empty for none.
    public var pages = ""
    /// Where the controllers are: workers of this region are taken first; empty prefers none.
    public var region = ""

    public init() {}
}

public struct TLSSettings: Sendable, Equatable {
    public enum Certificate: Sendable, Equatable {
        /// Made anew at every start: for tries on a local network, where the browser will ask.
        case selfSigned
        /// PEM files; `key` is nil when one file holds both.
        case files(certificate: String, key: String?)
    }

    /// Empty turns TLS off.
    public var listen: [ListenAddress] = [ListenAddress(host: "::", port: 8433)]
    public var certificate = Certificate.selfSigned
    /// Passphrase of the private key, if it has one.
    public var password: String?

    public init() {}
}

public struct MediaSettings: Sendable, Equatable {
    public enum Loopback: String, Sendable, CaseIterable {
        /// Only when the machine has no other address.
        case auto
        case always, never
    }

    /// Each reactor takes the first free port of the range.
    public var udpPorts: ClosedRange<UInt16> = 40000...40199
    /// Each worker accepts TCP connections (RFC 6544) on the first free port of the range, for clients without UDP; nil
    /// for none.
    public var tcpPorts: ClosedRange<UInt16>? = 40000...40199
    /// Each endpoint of plain RTP takes four of the range; nil has no such endpoints.
    public var rtpPorts: ClosedRange<UInt16>? = 40200...40999
    /// Each worker takes uploads by HTTP on the first free port of the range; nil for none.
    public var httpPorts: ClosedRange<UInt16>? = 41000...41199
    /// Opens TCP connections to peers that accept them.
    public var tcpActive = false
    /// Interface names to use; empty is all that are up.
    public var interfaces: [String] = []
    /// Interface name prefixes to leave out.
    public var excludedInterfaces: [String] = ["docker", "br-", "veth", "virbr"]
    /// Local address → the address that peers are told.
    public var announcedAddresses: [String: String] = [:]
    public var ipv6 = true
    public var loopback = Loopback.always
    /// Answer ICE checks only, never send them.
    public var iceLite = false
    /// Ask the links of the media interfaces (multicast DNS) for the `.local` names in browsers' candidates.
    public var resolveMDNS = false
    /// Pause a layered video for a viewer whose path has no room for its lowest layer, instead of sending it all the
    /// same.
    public var pauseBelowLowestLayer = false
    /// Encode media anew for peers that do not take the codec in which they come.
    public var transcoding = true

    public init() {}
}

/// What players and recorders may use.
public struct FileSettings: Sendable, Equatable {
    /// Directories that files may lie in, at any depth. A name without a directory is one in the first.
    public var roots = ["/var/lib/kurento", "/tmp"]
    /// Also servers of this host and of private networks.
    public var privateServers = false

    public init() {}
}

/// WHIP and WHEP.
public struct WHIPSettings: Sendable, Equatable {
    /// `stun:` and `turn:` addresses that clients are told.
    public var iceServers: [String] = []
    /// Publishers are told which of their simulcast encodings nobody watches.
    public var switchesOffUnwatchedLayers = true

    public init() {}
}

/// The demo gallery's application server.
public struct GallerySettings: Sendable, Equatable {
    public var isEnabled = true
    /// Where recordings of the repository page are put, by HTTP; empty keeps them in a file.
    public var repository = ""
    /// Calls of `/call` are recorded too.
    public var recordsCalls = false

    public init() {}
}

/// A TURN server in each worker.
public struct TURNSettings: Sendable, Equatable {
    /// Of the first worker of a host, over UDP and TCP; the next workers' follow. 0 is no server.
    public var port = 0
    /// Makes the credentials that clients get; required with a port.
    public var secret = ""
    /// Names or addresses of the hosts with workers, as clients are told them; empty tells them none.
    public var hosts: [String] = []
    /// TCP connections that one address may have with a worker's server.
    public var connectionsPerAddress = 256

    public init() {}
}

public struct StoreSettings: Sendable, Equatable {
    /// `redis://[:password@]host:port[/db]` or `unix:/path`.
    public var url = "redis://127.0.0.1:6379/0"
    /// Start redis-server when `url` is on this machine and nobody answers there.
    public var start = true

    public init() {}
}

/// The controllers that `apus up` starts.
public struct ControllerSettings: Sendable, Equatable {
    /// Each listens on the ports of the one before plus one.
    public var count = 1
    /// UDP port for workers' direct heartbeats; 0 is any free one. Each takes the one before plus one.
    public var heartbeatPort = 0

    public init() {}
}

public struct WorkerSettings: Sendable, Equatable {
    public var count = 2
    /// Threads with a UDP port of their own, per worker.
    public var reactors = 1
    /// Where the workers that this file starts are; empty when nobody said.
    public var region = ""
    /// What they are, for controllers that ask for it.
    public var labels: [String: String] = [:]
    /// They have a media plane: players and recorders.
    public var media = true

    public init() {}
}

/// How a controller chooses workers.
public struct PlacementSettings: Sendable, Equatable {
    public enum Strategy: String, Sendable, CaseIterable {
        case leastSessions = "least_sessions"
        case powerOfTwo = "power_of_two"
        case pack
    }

    public var strategy = Strategy.leastSessions
    /// Labels that a worker must have.
    public var labels: [String: String] = [:]

    public init() {}
}

public struct LimitSettings: Sendable, Equatable {
    /// Pipelines per worker; beyond it a client gets NOT_ENOUGH_RESOURCES.
    public var sessionsPerWorker = 1000
    /// WebRTC endpoints per reactor.
    public var endpointsPerReactor = 2000
    /// WHIP publishers and WHEP players of one controller.
    public var whipResources = 20_000
    /// WebRTC endpoints of one pipeline or room on one reactor, while another reactor could take more.
    public var endpointsPerShard = 500
    /// Open sockets on the signalling ports.
    public var connections = 10_000
    public var connectionsPerAddress = 1_000
    /// Seconds after which objects of a client that vanished are collected (twice that at most).
    public var sessionGarbagePeriod = 240

    public init() {}
}

/// A host (address literal or name) and a TCP port.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `8888`, `127.0.0.1:8888`, `[::1]:8888`. Nil when it is none of them.
    public init?(_ text: String) {
        if let port = Int(text) {
            self.init(host: "::", port: port)
        } else {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
                return nil
            }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = String(host.dropFirst().dropLast())
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            self.init(host: host, port: port)
        }
        guard (0...65535).contains(port) else { return nil }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
