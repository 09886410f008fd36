public import Wire

/// Where a controller hears workers' direct heartbeats.
public struct HeartbeatTarget: Hashable, Sendable, Codable {
    /// With ports: `192.0.2.1:40000`, `[2001:db8::1]:40000`. A worker sends to all of them.
    public var addresses: [String]
    /// Other at each start of the controller.
    public var key: HeartbeatKey

    public init(addresses: [String], key: HeartbeatKey) {
        self.addresses = addresses
        self.key = key
    }
}

/// The controllers that a worker sends direct heartbeats to, as the store last showed them.
public struct HeartbeatTargets: Sendable {
    private struct Entry {
        /// As it was written; what changes it is read anew.
        var target: HeartbeatTarget
        var addresses: [SocketAddress]
        /// Answers of the store, one after the other, that did not show the controller.
        var missed = 0
    }
    private var entries: [ControllerID: Entry] = [:]

    public init() {}

    /// Takes in an answer of the store. One that does not show a controller proves little: a store that went back by a
    /// second shows none of those that live, just when they must hear from the worker.
    public mutating func update(_ living: [ControllerReport]) {
        for id in entries.keys { entries[id]?.missed += 1 }
        for report in living.sorted(by: { $0.id.rawValue < $1.id.rawValue }) {
            guard let target = report.heartbeats else { continue }
            let known = entries[report.id]
            guard known != nil || entries.count < Limits.heartbeatTargets else { continue }
            guard known?.target != target else {
                entries[report.id]?.missed = 0
                continue
            }
            entries[report.id] = Entry(target: target, addresses: Self.addresses(target))
        }
        entries = entries.filter { $0.value.missed < Limits.missedReads }
    }

    /// What was written there must not have a worker send to whole networks.
    private static func addresses(_ target: HeartbeatTarget) -> [SocketAddress] {
        target.addresses.prefix(Limits.addressesPerTarget).compactMap { SocketAddress($0) }.filter {
            $0.port > 0 && !$0.ip.isMulticast && !$0.ip.isBroadcast && !$0.ip.isUnspecified
        }
    }

    /// By the controllers' names.
    public var all: [(addresses: [SocketAddress], key: HeartbeatKey)] {
        entries.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.value.addresses, $0.value.target.key) }
    }
}
