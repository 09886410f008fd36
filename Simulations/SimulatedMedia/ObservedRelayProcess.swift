import Simulator
import TURN
import Wire

/// A TURN server of a call, and who looks at every packet that it gets and sends (I11).
final class ObservedRelayProcess: Process {
    private let inner: RelayServerProcess
    private var observer: RelayObserver
    private let monitor: MediaMonitor

    static let user = (name: "party", password: "secret")
    static let port: UInt16 = 3_478
    static let tlsPort: UInt16 = 443

    /// Over UDP and TCP at one port, over TLS at another.
    init(_ ip: IPAddress, parties: Int, random: SeededRandom, monitor: MediaMonitor) {
        let listeners = RelayCarrier.allCases.map {
            RelayObserver.Listener(address: Self.address($0, ip), carrier: $0)
        }
        var configuration = ServerConfiguration(
            listeners: listeners.map { ServerConfiguration.Listener(address: $0.address, isStream: $0.carrier != .udp) }
        )
        configuration.relayIPv4 = ip
        configuration.users = [Self.user.name: Self.user.password]
        configuration.allocations = parties * 2
        inner = RelayServerProcess(configuration, tlsListeners: [Self.address(.tls, ip)], random: random)
        observer = RelayObserver(listeners: listeners, relayAddresses: [ip])
        self.monitor = monitor
    }

    static func address(_ carrier: RelayCarrier, _ ip: IPAddress) -> SocketAddress {
        SocketAddress(ip: ip, port: carrier == .tls ? tlsPort : port)
    }

    var counters: RelayObserver.Counters { observer.counters }
    var takesTCP: Bool { true }
    var deadline: Instant { inner.deadline }

    func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        observer.receives(datagram, now: now)
        inner.receive(datagram, now: now, &output)
        observe(output, now)
    }

    func advance(to now: Instant, _ output: inout Output) {
        inner.advance(to: now, &output)
        observe(output, now)
    }

    private func observe(_ output: Output, _ now: Instant) {
        for datagram in output.datagrams { observer.sends(datagram, now: now) }
        for text in observer.takeViolations() { monitor.report("I11 \(text)", now) }
    }
}
