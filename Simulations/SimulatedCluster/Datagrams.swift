import Wire

/// UDP between the sockets of simulated hosts.
final class Datagrams: @unchecked Sendable {
    struct Socket {
        var node: Node
        var receive: (_ bytes: [UInt8], _ source: SocketAddress) -> Void
    }

    private let time: VirtualTime
    private let links: Links
    private var sockets: [SocketAddress: Socket] = [:]
    private var hosts: [IPAddress: String] = [:]
    private(set) var sent: UInt64 = 0

    init(time: VirtualTime, links: Links) {
        self.time = time
        self.links = links
    }

    func bind(_ address: SocketAddress, _ node: Node, _ receive: @escaping ([UInt8], SocketAddress) -> Void) {
        hosts[address.ip] = node.host
        sockets[address] = Socket(node: node, receive: receive)
    }

    /// No effect when another process has the address meanwhile.
    func unbind(_ address: SocketAddress, _ node: Node) {
        if sockets[address]?.node === node { sockets[address] = nil }
    }

    func send(_ bytes: [UInt8], from source: SocketAddress, to destination: SocketAddress) {
        sent += 1
        guard let from = hosts[source.ip], let to = hosts[destination.ip] else { return }
        for delay in links.copies(from, to) {
            time.after(delay) { [self] in
                guard let socket = sockets[destination] else { return }
                socket.node.deliver { socket.receive(bytes, source) }
            }
        }
    }
}
