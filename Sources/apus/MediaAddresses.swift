import CLinux
import Foundation
import Settings
import Wire

/// The local addresses that media uses, by the settings.
enum MediaAddresses {
    /// One address of a network interface that is up.
    struct Interface: Equatable {
        var name: String
        var ip: IPAddress
        var isLoopback: Bool
    }

    /// A reactor has room for this many sockets.
    static let limit = 16

    static func onThisHost(_ settings: MediaSettings) throws -> [IPAddress] {
        try choose(from: interfaces(), settings)
    }

    /// Where this host's controller can be reached by workers: whatever media uses, any network may be between them.
    static func forHeartbeats(_ settings: MediaSettings) -> [IPAddress] {
        let found = interfaces().filter { interface in
            (settings.ipv6 || interface.ip.isIPv4) && !interface.ip.isLinkLocal
                && !settings.excludedInterfaces.contains { interface.name.hasPrefix($0) }
        }
        let outward = inTurns(found.filter { !$0.isLoopback })
        // Workers of this host reach the others as well; loopback would be their own where they are elsewhere.
        return Array((outward.isEmpty ? found.map(\.ip) : outward).prefix(heartbeatLimit))
    }

    private static let heartbeatLimit = 8

    /// Pure, so that it can be tested: which of `interfaces` to listen on, in their order.
    static func choose(from interfaces: [Interface], _ settings: MediaSettings) throws -> [IPAddress] {
        if let missing = settings.interfaces.first(where: { name in !interfaces.contains { $0.name == name } }) {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: "media.interfaces",
                problem: "there is no interface `\(missing)` that is up",
                fix: "Interfaces here: \(Set(interfaces.map(\.name)).sorted().joined(separator: ", "))")
        }
        let usable = interfaces.filter { interface in
            guard settings.ipv6 || interface.ip.isIPv4, !interface.ip.isLinkLocal else { return false }
            if interface.isLoopback { return false }
            if !settings.interfaces.isEmpty { return settings.interfaces.contains(interface.name) }
            return !settings.excludedInterfaces.contains { interface.name.hasPrefix($0) }
        }
        var addresses = inTurns(usable)
        let loopback = interfaces.filter { $0.isLoopback && (settings.ipv6 || $0.ip.isIPv4) }.map(\.ip)
        let isNamed = settings.interfaces.contains { name in interfaces.contains { $0.name == name && $0.isLoopback } }
        switch settings.loopback {
        case .always: addresses += loopback
        case .auto: if addresses.isEmpty || isNamed { addresses += loopback }
        case .never: if isNamed { addresses += loopback }
        }
        guard !addresses.isEmpty else {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: "media", problem: "no interface is left to listen on",
                fix: "Set media.loopback to auto, or name an interface that is up")
        }
        return Array(addresses.prefix(limit))
    }

    /// Each interface's first address of a family comes before any's second: one that leads nowhere costs a peer one
    /// check, and a long list loses nothing but further addresses (RFC 8421 section 4).
    private static func inTurns(_ interfaces: [Interface]) -> [IPAddress] {
        var seen: [String: Int] = [:]
        var placed: [(turn: Int, order: Int, ip: IPAddress)] = []
        for interface in interfaces {
            let turn = seen["\(interface.name) \(interface.ip.isIPv4)", default: 0]
            seen["\(interface.name) \(interface.ip.isIPv4)"] = turn + 1
            placed.append((turn, placed.count, interface.ip))
        }
        return placed.sorted { ($0.turn, $0.order) < ($1.turn, $1.order) }.map(\.ip)
    }

    static func announced(_ settings: MediaSettings) throws -> [IPAddress: IPAddress] {
        var result: [IPAddress: IPAddress] = [:]
        for (local, announced) in settings.announcedAddresses {
            guard let from = IPAddress(local), let to = IPAddress(announced) else {
                throw SettingsError(
                    file: "cluster.yml", line: nil, key: "media.announced_addresses",
                    problem: "`\(local): \(announced)` are not two IP addresses", fix: "Write `10.0.0.5: 203.0.113.7`")
            }
            result[from] = to
        }
        return result
    }

    /// Equal for two processes if and only if they share one network stack: this start of the host, and its
    /// network namespace. Empty when the host does not tell.
    static func networkName() -> String {
        guard let start = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
            let namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        else { return "" }
        return start.filter { !$0.isWhitespace } + " " + namespace
    }

    private static func interfaces() -> [Interface] {
        var entries = [apus_interface](repeating: apus_interface(), count: 128)
        let count = unsafe apus_interfaces(&entries, UInt32(entries.count))
        return entries.prefix(max(0, Int(count))).map { entry in
            let name = unsafe withUnsafeBytes(of: entry.name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            let address = entry.address
            let ip =
                address.is_ipv4 != 0
                ? IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low))
                : IPAddress(ipv6High: address.high, low: address.low)
            return Interface(name: name, ip: ip, isLoopback: entry.is_loopback != 0)
        }
    }
}
