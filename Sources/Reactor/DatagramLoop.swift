public import Wire

/// A few UDP sockets on a thread of their own, for tools that speak a protocol a datagram at a time.
///
/// What the kernel refuses is lost as on the way: ICE sends to many addresses that no route leads to.
public final class DatagramLoop: Sendable {
    /// Where each socket is bound.
    public let locals: [SocketAddress]
    private let mailbox: Mailbox<Command>

    enum Command: Sendable {
        case send([UInt8], Tuple)
        case stop
    }

    /// Binds all addresses or none; port 0 is any free one. `received` is called on the thread with each datagram and
    /// the tuple that it came on.
    public convenience init(
        binding addresses: [SocketAddress], received: @escaping @Sendable ([UInt8], Tuple) -> Void
    ) throws(SystemError) {
        var sockets: [UDPSocket] = []
        for address in addresses { sockets.append(try UDPSocket(binding: address)) }
        try self.init(sockets, name: "datagrams", received: received)
    }

    /// The same with sockets that are open already.
    init(
        _ sockets: [UDPSocket], name: String, received: @escaping @Sendable ([UInt8], Tuple) -> Void
    ) throws(SystemError) {
        precondition(sockets.count <= Limits.sockets)
        locals = sockets.map(\.local)
        mailbox = try Mailbox(capacity: 1024)
        let start = ThreadStart { [mailbox, sockets] in
            var world = DatagramWorld(sockets, wakeUp: mailbox.wakeUp)
            world.run(mailbox, received)
            mailbox.close()
        }
        try start.launch(name: name)
    }

    /// Sends on the socket that the tuple names.
    public func send(_ bytes: [UInt8], to tuple: Tuple) { _ = mailbox.send(.send(bytes, tuple)) }

    /// Ends the thread, which closes the sockets.
    public func close() { _ = mailbox.send(.stop) }
}

/// What the thread owns.
private struct DatagramWorld: ~Copyable {
    private let sockets: [UDPSocket]
    private var poller: Poller
    private var ingress = ReceiveBatch(capacity: 16)
    private var egress = EgressBatch(capacity: 64)

    init(_ sockets: [UDPSocket], wakeUp: Int32) {
        self.sockets = sockets
        poller = Poller(descriptors: sockets.map(\.descriptor), wakeUp: wakeUp)
    }

    mutating func run(
        _ mailbox: Mailbox<DatagramLoop.Command>, _ received: @Sendable ([UInt8], Tuple) -> Void
    ) {
        while true {
            let ready = poller.wait(milliseconds: -1)
            for position in 0..<ready {
                if let socket = poller.socket(position) {
                    receive(socket, received)
                } else {
                    for command in mailbox.drain() {
                        guard case .send(let bytes, let tuple) = command else { return }
                        send(bytes, tuple)
                    }
                }
            }
            flush()
        }
    }

    private mutating func receive(_ socket: Int, _ received: @Sendable ([UInt8], Tuple) -> Void) {
        let count = ingress.receive(from: sockets[socket].descriptor)
        for entry in 0..<count {
            let tuple = Tuple(socket: UInt8(truncatingIfNeeded: socket), remote: ingress.source(entry))
            var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
            while let datagram = next {
                next = ingress.datagram(after: datagram, in: entry)
                received(unsafe ingress.unguardedBytes(of: datagram).copied(), tuple)
            }
        }
    }

    private mutating func send(_ bytes: [UInt8], _ tuple: Tuple) {
        guard bytes.count <= EgressBatch.slotSize, Int(tuple.socket) < sockets.count else { return }
        if egress.isFull { flush() }
        var slot = unsafe egress.unguardedNext()
        unsafe slot.store(contentsOf: bytes.span.bytes, at: 0)
        egress.commit(length: bytes.count, to: tuple)
    }

    private mutating func flush() { _ = egress.flush(descriptors: sockets.map(\.descriptor)) }
}
