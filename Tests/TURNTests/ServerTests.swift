import STUN
import Testing
import Wire

@testable import TURN

/// A server as RFC 8656 wants it.
@Suite struct ServerTests {
    private let peer = SocketAddress(ip: IPAddress("192.0.2.50")!, port: 7000)

    @Test func aClientIsChallengedThenGetsAnAddressOfItsOwn() {
        let bench = Bench()
        let first = bench.ask(.allocate, signs: false) { $0.add(.requestedTransport, UInt32(17) << 24) }
        #expect(first?.error == 401 && bench.nonce.utf8.count == 16)
        let answer = bench.allocate()
        #expect(answer?.isSuccess == true && answer?.mapped == bench.client.remote && answer?.lifetime == 600)
        #expect(answer?.relayed?.ip == Bench.listener.ip && (answer?.relayed?.port ?? 0) >= 49_152)
        let count = bench.server.allocationCount
        #expect(count == 1)
    }

    @Test func dataPassesOnlyWherePermittedAndByChannelWhereBound() {
        let bench = Bench()
        _ = bench.allocate()
        let before = bench.come(from: peer)
        #expect(before == .failure(.turnNoPermission))
        #expect(bench.permit(peer)?.isSuccess == true)
        let indicated = bench.come(from: SocketAddress(ip: peer.ip, port: 1))
        #expect(
            indicated == .success(.indication(client: bench.client)), "a permission is an address's, whatever the port")
        #expect(bench.bindChannel(0x4001, peer)?.isSuccess == true)
        let came = bench.come(from: peer)
        #expect(came == .success(.channel(0x4001, client: bench.client)))
        let went = bench.pass(0x4001)
        #expect(went == .success(peer))
        let unknown = bench.pass(0x4002)
        #expect(unknown == .failure(.turnUnknownChannel))
    }

    @Test func permissionsChannelsAndAllocationsEndInTime() {
        let bench = Bench()
        _ = bench.allocate()
        _ = bench.bindChannel(0x4000, peer)
        bench.advance(.seconds(299))
        let kept = bench.pass(0x4000)
        #expect(kept == .success(peer))
        bench.advance(.seconds(2))
        let lost = bench.pass(0x4000)
        #expect(lost == .failure(.turnNoPermission), "300 s, RFC 8656 section 9")
        _ = bench.ask(.refresh) { $0.add(.lifetime, UInt32(900)) }
        bench.advance(.seconds(300))
        let ended = bench.pass(0x4000)
        #expect(ended == .failure(.turnUnknownChannel), "600 s, section 12")
        bench.advance(.seconds(601))
        let (allocations, relays) = (bench.server.allocationCount, bench.server.relayCount)
        #expect(allocations == 0 && relays == 0)
        #expect(bench.server.deadline == .distantFuture)
    }

    @Test func aRefreshOfZeroEndsAnAllocationAndLifetimesAreBounded() {
        let bench = Bench { $0.maximumLifetime = 1200 }
        #expect(bench.allocate { $0.add(.lifetime, UInt32(999_999)) }?.lifetime == 1200)
        #expect(bench.ask(.refresh) { $0.add(.lifetime, UInt32(1)) }?.lifetime == 600)
        #expect(bench.ask(.refresh) { $0.add(.lifetime, UInt32(0)) }?.lifetime == 0)
        let count = bench.server.allocationCount
        #expect(count == 0)
        #expect(bench.ask(.refresh) { $0.add(.lifetime, UInt32(600)) }?.error == 437)
        #expect(bench.ask(.refresh) { $0.add(.lifetime, UInt32(0)) }?.isSuccess == true, "nothing is left to end")
    }

    @Test func anAllocateThatComesAgainIsAnsweredAgainAndAnotherIsRefused() {
        let bench = Bench()
        let id = TransactionID(high: 7, low: 7)
        _ = bench.ask(.allocate, signs: false)
        func wish(_ builder: inout MessageBuilder) { builder.add(.requestedTransport, UInt32(17) << 24) }
        let first = bench.ask(.allocate, id: id, wish)
        let second = bench.ask(.allocate, id: id, wish)
        #expect(first?.isSuccess == true && first?.relayed == second?.relayed)
        #expect(bench.ask(.allocate, wish)?.error == 437)
    }

    @Test func anEvenPortAndTheNextOneAreKept() {
        let bench = Bench()
        let first = bench.allocate { $0.add(.evenPort, [0x80]) }
        #expect(first?.isSuccess == true && (first?.relayed?.port ?? 1) & 1 == 0)
        guard let token = first?.token else {
            Issue.record("there is no reservation token")
            return
        }
        let other = Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 5001))
        let second = bench.allocate(from: other) { $0.add(.reservationToken, token) }
        #expect(second?.relayed?.port == first?.relayed.map { $0.port + 1 })
        // Unused ones go after 30 s.
        let third = Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 5002))
        _ = bench.allocate(from: third) { $0.add(.evenPort, [0x80]) }
        let held = bench.server.relayCount
        bench.advance(.seconds(31))
        let left = bench.server.relayCount
        #expect(held == 4 && left == 3)
    }

    @Test func aReservedPortMayBeOfTheOtherFamily() {
        let bench = Bench {
            $0.relayIPv4 = nil
            $0.relayIPv6 = IPAddress("2001:db8::5")
        }
        let first = bench.allocate {
            $0.add(.requestedAddressFamily, UInt32(2) << 24)
            $0.add(.evenPort, [0x80])
        }
        let other = Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 5001))
        let second = bench.allocate(from: other) { $0.add(.reservationToken, first?.token ?? 0) }
        #expect(second?.relayed?.port == first?.relayed.map { $0.port + 1 } && second?.relayed?.ip.isIPv4 == false)
    }

    @Test func aPortThatIsTakenIsReplacedByAnother() {
        let bench = Bench { $0.relayPorts = 50_000...50_003 }
        bench.taken = [50_000, 50_001, 50_002]
        let port = bench.allocate()?.relayed?.port
        #expect(port == 50_003 || port == nil)
        let full = Bench { $0.relayPorts = 50_000...50_003 }
        full.taken = [50_000, 50_001, 50_002, 50_003]
        #expect(full.allocate()?.error == 508)
        let count = full.server.allocationCount
        #expect(count == 0)
    }

    @Test func familiesAreAskedForAndTold() {
        let single = Bench()
        _ = single.allocate()
        #expect(single.permit(SocketAddress(ip: IPAddress("2001:db8::1")!, port: 1))?.error == 443)
        let lonely = Bench()
        #expect(lonely.allocate { $0.add(.requestedAddressFamily, UInt32(2) << 24) }?.error == 440)
        let dual = Bench { $0.relayIPv6 = IPAddress("2001:db8::5") }
        #expect(dual.allocate { $0.add(.additionalAddressFamily, UInt32(2) << 24) }?.isSuccess == true)
        let relays = dual.server.relayCount
        #expect(relays == 2)
        #expect(dual.permit(SocketAddress(ip: IPAddress("2001:db8::1")!, port: 1))?.isSuccess == true)
    }

    @Test func aChannelHasOnePeerAndAPeerOneChannel() {
        let bench = Bench()
        _ = bench.allocate()
        let other = SocketAddress(ip: IPAddress("192.0.2.51")!, port: 7000)
        #expect(bench.bindChannel(0x4000, peer)?.isSuccess == true)
        #expect(bench.bindChannel(0x4000, other)?.error == 400)
        #expect(bench.bindChannel(0x4001, peer)?.error == 400)
        #expect(bench.bindChannel(0x8000, other)?.error == 400)
        #expect(bench.bindChannel(0x4000, peer)?.isSuccess == true, "binding again refreshes")
    }

    @Test func aStreamThatEndsTakesItsAllocationAlong() {
        let bench = Bench()
        let stream = Tuple(socket: 1, remote: bench.client.remote)
        #expect(bench.allocate(from: stream)?.isSuccess == true)
        bench.server.closed(stream)
        bench.bind()
        let (allocations, relays) = (bench.server.allocationCount, bench.server.relayCount)
        #expect(allocations == 0 && relays == 0)
    }
}
