import CLinux
public import Wire

/// UDP sockets for a link-local multicast group on a thread of their own: one to ask from and one to listen on, for
/// each link that the host is on. What comes from elsewhere than the link is dropped (RFC 6762 section 11).
public final class MulticastLoop: Sendable {
    /// Where a group is heard; one address for each family.
    public struct Group: Sendable {
        public var ipv4: IPAddress
        public var ipv6: IPAddress
        public var port: UInt16

        public init(ipv4: IPAddress, ipv6: IPAddress, port: UInt16) {
            self.ipv4 = ipv4
            self.ipv6 = ipv6
            self.port = port
        }
    }

    /// An interface and a family. Its sockets are at twice its index and behind.
    private struct Link: Sendable {
        var interface: UInt32
        var group: SocketAddress
        var range: AddressRange
    }

    private let links: [Link]
    private let loop: DatagramLoop

    /// Opens sockets on the interfaces that have `addresses`, as far as there is room and the system lets it.
    /// `received` is called on the thread with each datagram from a link.
    /// - Throws: what the last interface said, when there is none that works.
    public init(
        _ group: Group, addresses: [IPAddress], received: @escaping @Sendable ([UInt8]) -> Void
    ) throws(SystemError) {
        var links: [Link] = []
        var sockets: [UDPSocket] = []
        var failure = SystemError(operation: "find an interface", code: 0)
        for address in addresses where sockets.count + 2 <= Limits.sockets {
            do throws(SystemError) {
                let link = try Self.link(of: address, group)
                guard !links.contains(where: { $0.interface == link.interface && $0.group == link.group }) else {
                    continue
                }
                let pair = [
                    try UDPSocket(multicastFrom: address, interface: link.interface),
                    try UDPSocket(listeningTo: link.group, interface: link.interface),
                ]
                links.append(link)
                sockets += pair
            } catch {
                failure = error
            }
        }
        guard !links.isEmpty else { throw failure }
        self.links = links
        loop = try DatagramLoop(sockets, name: "multicast") { [links] bytes, tuple in
            let link = links[Int(tuple.socket) / 2]
            // A group's datagrams do not leave their link; what is for the socket alone may come from anywhere.
            let isFromLink =
                tuple.socket % 2 == 1 || link.range.contains(tuple.remote.ip) || tuple.remote.ip.isLinkLocal
            if isFromLink { received(bytes) }
        }
    }

    private static func link(of address: IPAddress, _ group: Group) throws(SystemError) -> Link {
        var native = apus_address(SocketAddress(ip: address, port: 0))
        var found = apus_link()
        let result = unsafe apus_link_of(&native, &found)
        guard result == 0, let range = AddressRange(address, length: Int(found.prefix)) else {
            throw SystemError(operation: "find the interface of \(address)", code: -result)
        }
        let ip = address.isIPv4 ? group.ipv4 : group.ipv6
        return Link(interface: found.interface, group: SocketAddress(ip: ip, port: group.port), range: range)
    }

    /// Sends to the group on every link.
    public func send(_ bytes: [UInt8]) {
        for (index, link) in links.enumerated() {
            loop.send(bytes, to: Tuple(socket: UInt8(2 * index), remote: link.group))
        }
    }

    /// Ends the thread, which closes the sockets.
    public func close() { loop.close() }
}

extension UDPSocket {
    fileprivate convenience init(multicastFrom address: IPAddress, interface: UInt32) throws(SystemError) {
        let local = SocketAddress(ip: address, port: 0)
        var native = apus_address(local)
        let descriptor = unsafe apus_multicast_sender(&native, interface)
        guard descriptor >= 0 else { throw SystemError(operation: "multicast from \(address)", code: -descriptor) }
        self.init(taking: descriptor, local: local)
    }

    fileprivate convenience init(listeningTo group: SocketAddress, interface: UInt32) throws(SystemError) {
        var native = apus_address(group)
        let descriptor = unsafe apus_multicast_listener(&native, interface)
        guard descriptor >= 0 else { throw SystemError(operation: "listen to \(group)", code: -descriptor) }
        self.init(taking: descriptor, local: group)
    }
}
