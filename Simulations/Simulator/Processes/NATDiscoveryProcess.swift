public import STUN
public import Wire

/// Somebody who finds out what NAT is in front of a host.
public final class NATDiscoveryProcess: Process {
    private var discovery: NATDiscovery
    private let locals: [SocketAddress]

    /// - Parameter firstPort: of its sockets, which have ports in a row.
    public init(
        _ configuration: NATDiscovery.Configuration, address: IPAddress, firstPort: UInt16, random: SeededRandom
    ) {
        locals = (0..<UInt16(NATDiscovery.sockets)).map { SocketAddress(ip: address, port: firstPort + $0) }
        discovery = NATDiscovery(configuration, locals: locals, random: random)
    }

    public var report: NATReport { discovery.report }
    public var isFinished: Bool { discovery.isFinished }
    public var deadline: Instant { discovery.deadline }

    public func start(now: Instant, _ output: inout Output) {
        discovery.start(now: now)
        drain(&output)
    }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        guard let socket = locals.firstIndex(of: datagram.destination) else { return }
        unsafe discovery.receive(datagram.payload.span.bytes, at: socket, from: datagram.source, now: now)
        drain(&output)
    }

    public func advance(to now: Instant, _ output: inout Output) {
        discovery.advance(to: now)
        drain(&output)
    }

    private func drain(_ output: inout Output) {
        while let transmit = discovery.nextTransmit() {
            output.send(transmit.bytes, from: locals[transmit.socket], to: transmit.destination)
        }
    }
}
