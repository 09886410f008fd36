import STUN
import Wire

/// Who may exchange data with a client: permissions (RFC 8656 sections 9 and 10), channels (section 12), and data
/// without one (section 11).
extension Server {
    mutating func createPermission(
        _ request: borrowing Message, _ client: Tuple, _ identity: Identity, _ now: Instant
    ) {
        guard let index = clients.slot(for: client), allocations[index].opening == 0 else {
            return refuse(request, client, .allocationMismatch, identity)
        }
        guard let peers = request.xorPeerAddresses, !peers.isEmpty else {
            return refuse(request, client, .badRequest, identity)
        }
        for peer in peers {
            if let code = objection(to: peer, allocation: index) { return refuse(request, client, code, identity) }
        }
        // All or none (section 10.2).
        let new = Set(peers.map(\.ip)).count { ip in
            !allocations[index].permissions.contains { $0.ip == ip }
        }
        guard allocations[index].permissions.count + new <= Limits.permissions else {
            return refuse(request, client, .insufficientCapacity, identity)
        }
        for peer in peers { _ = allocations[index].permit(peer.ip, now: now) }
        succeed(request, client, identity)
    }

    mutating func bindChannel(
        _ request: borrowing Message, _ client: Tuple, _ identity: Identity, _ now: Instant
    ) {
        guard let index = clients.slot(for: client), allocations[index].opening == 0 else {
            return refuse(request, client, .allocationMismatch, identity)
        }
        guard let number = request.channelNumber, Limits.channelNumbers.contains(number),
            let peer = request.xorPeerAddress, peer.port != 0
        else { return refuse(request, client, .badRequest, identity) }
        if let code = objection(to: peer, allocation: index) { return refuse(request, client, code, identity) }
        allocations[index].forgetWhatIsOver(now)
        let expiry = now + Limits.channelLifetime
        let channel = Allocation.Channel(number: number, peer: peer, expiry: expiry)
        let byNumber = allocations[index].channels.firstIndex { $0.number == number }
        let byPeer = allocations[index].channels.firstIndex { $0.peer == peer }
        // One number, one peer, both ways (section 12.2).
        guard byNumber == byPeer else { return refuse(request, client, .badRequest, identity) }
        guard byNumber != nil || allocations[index].channels.count < Limits.channels,
            allocations[index].permit(peer.ip, now: now)
        else { return refuse(request, client, .insufficientCapacity, identity) }
        if let byNumber {
            allocations[index].channels[byNumber] = channel
        } else {
            allocations[index].channels.append(channel)
        }
        succeed(request, client, identity)
    }

    private func objection(to peer: SocketAddress, allocation index: Int32) -> ErrorCode? {
        guard allocations[index].relay(for: peer.ip) != nil else { return .peerAddressFamilyMismatch }
        return mayRelay(to: peer) ? nil : .forbidden
    }

    /// Never to the server's own listeners either: a client could talk to the server as the server.
    private func mayRelay(to peer: SocketAddress) -> Bool {
        configuration.peers.admits(peer.ip) && !configuration.listeners.contains { $0.address == peer }
    }

    /// A Send indication. What is wrong with one is dropped without a word (section 11.2).
    mutating func receiveSend(
        _ message: borrowing Message, from client: Tuple, _ now: Instant
    ) throws(DropReason) -> FromClient {
        guard let index = clients.slot(for: client), now < allocations[index].expiry else { throw .turnNoAllocation }
        guard message.unknownCount == 0, let peer = message.xorPeerAddress, peer.port != 0,
            let place = message.place(of: .data)
        else { throw .turnMalformed }
        guard mayRelay(to: peer) else { throw .turnNoPermission }
        return try admit(place, to: peer, allocation: index, now)
    }
}
