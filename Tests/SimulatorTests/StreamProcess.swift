import Simulator
import Wire

/// A host's TCP stack with what its connections told.
final class StreamProcess: Process {
    var stack: TCPStack
    private let address: SocketAddress
    /// Whom to connect to at the start; nil listens.
    private let peer: SocketAddress?
    /// Sent on each connection as soon as it is there, and then closed.
    private let greeting: [UInt8]
    private(set) var number: Int?
    private(set) var received: [UInt8] = []
    private(set) var isConnected = false
    private(set) var closed: Instant?
    private(set) var remote: SocketAddress?
    var closesAfterGreeting = true

    init(_ address: SocketAddress, to peer: SocketAddress? = nil, greeting: [UInt8] = [], seed: UInt64 = 1) {
        stack = TCPStack(random: RootSeed(seed).stream("tcp \(address)"))
        self.address = address
        self.peer = peer
        self.greeting = greeting
    }

    var takesTCP: Bool { true }
    var deadline: Instant { stack.deadline }

    func start(now: Instant, _ output: inout Output) {
        if let peer {
            number = stack.connect(from: address, to: peer, now: now)
        } else {
            stack.listen(on: address)
        }
        drain(now, &output)
    }

    func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        stack.receive(datagram, now: now)
        drain(now, &output)
    }

    func advance(to now: Instant, _ output: inout Output) {
        stack.advance(to: now)
        drain(now, &output)
    }

    private func greet(_ connection: Int, _ now: Instant) {
        number = connection
        isConnected = true
        if !greeting.isEmpty { stack.send(greeting, on: connection, now: now) }
        if closesAfterGreeting { stack.close(connection, now: now) }
    }

    private func drain(_ now: Instant, _ output: inout Output) {
        while let event = stack.nextEvent() {
            switch event {
            case .accepted(let connection, _, let remote):
                self.remote = remote
                greet(connection, now)
            case .connected(let connection): greet(connection, now)
            case .received(_, let bytes): received += bytes
            case .closed(let connection):
                closed = now
                stack.close(connection, now: now)
            }
        }
        while let datagram = stack.nextDatagram() { output.send(datagram) }
    }
}
