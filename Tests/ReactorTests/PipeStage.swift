import RTP
import Session
import Testing
import Wire

@testable import Reactor

/// Two reactors, the clients of each, and a pipe from one to the other that leads through a relay: what
/// passes there is counted and can be dropped, copied and forged.
final class PipeStage {
    let near = LoopbackStage(try! InlineReactor(testConfiguration(seed: 11)), seed: 1)
    let far = LoopbackStage(try! InlineReactor(testConfiguration(seed: 12)), seed: 2)
    let relay: Relay
    let pipe = EndpointID("pipe")
    private(set) var specification: PipeSpecification

    init(_ source: [NegotiatedMedia]) throws {
        relay = try Relay(near: near.server, far: far.server)
        var generator = SystemRandomNumberGenerator()
        specification = PipeSpecification(
            sendKey: PipeKey(using: &generator), receiveKey: PipeKey(using: &generator),
            localSSRC: PipeSpecification.ssrc(using: &generator), remoteSSRC: PipeSpecification.ssrc(using: &generator),
            media: PipeSpecification.sections(carrying: source, using: &generator))
    }

    func open() throws {
        let one = near.driver.perform(.openPipe(pipe, specification), in: near.session)
        let other = far.driver.perform(.openPipe(pipe, specification.reversed), in: far.session)
        guard case .openedPipe(let nearEnd) = one, case .openedPipe(let farEnd) = other else {
            Issue.record("not opened: \(one) \(other)")
            return
        }
        let middle = relay.address.description
        try near.expectDone(.connectPipe(pipe, PipePath(local: nearEnd.addresses[0], remote: middle)))
        try far.expectDone(.connectPipe(pipe, PipePath(local: farEnd.addresses[0], remote: middle)))
    }

    func route(from source: LoopbackPeer, to sinks: [LoopbackPeer], _ kinds: [MediaKind] = [.video]) throws {
        for kind in kinds {
            try near.expectDone(.connect(Route(source: source.endpoint, sink: pipe, kind: kind)))
            for sink in sinks { try far.expectDone(.connect(Route(source: pipe, sink: sink.endpoint, kind: kind))) }
        }
    }

    /// Lets everybody work until `done`.
    func run(until done: () -> Bool) -> Bool {
        near.driver.wait {
            far.driver.turn()
            relay.pump()
            for peer in near.peers + far.peers { peer.pump() }
            return done()
        }
    }

    func run(for interval: Interval) {
        let end = HostClock.now + interval
        _ = run { HostClock.now >= end }
    }
}

/// A host between two others that passes on what comes.
final class Relay {
    private let socket: UDPSocket
    private let near: SocketAddress
    private let far: SocketAddress
    private var ingress = ReceiveBatch(capacity: 64)
    private var egress = EgressBatch(capacity: 64)
    /// Datagrams from the near side and from the far side.
    private(set) var fromNear: [[UInt8]] = []
    private(set) var fromFar: [[UInt8]] = []
    /// Whether the datagram from the near side with this count is lost.
    var loses: (Int) -> Bool = { _ in false }

    var address: SocketAddress { socket.local }

    init(near: SocketAddress, far: SocketAddress) throws {
        socket = try UDPSocket(binding: SocketAddress(ip: near.ip, port: 0))
        self.near = near
        self.far = far
    }

    func pump() {
        let count = ingress.receive(from: socket.descriptor)
        for entry in 0..<count {
            var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
            while let datagram = next {
                next = ingress.datagram(after: datagram, in: entry)
                let bytes = ingress.unguardedBytes(of: datagram).copied()
                if ingress.source(entry) == near {
                    fromNear.append(bytes)
                    if !loses(fromNear.count - 1) { send(bytes, to: far) }
                } else {
                    fromFar.append(bytes)
                    send(bytes, to: near)
                }
            }
        }
    }

    func send(_ bytes: [UInt8], to address: SocketAddress) {
        var slot = egress.unguardedNext()
        slot.store(contentsOf: bytes.span.bytes, at: 0)
        egress.commit(length: bytes.count, to: Tuple(socket: 0, remote: address))
        _ = egress.flush(descriptors: [socket.descriptor])
    }

    /// RTP among what came from the near side.
    var media: [[UInt8]] { fromNear.filter { $0.count > 1 && !(192...223).contains($0[1]) } }
}
