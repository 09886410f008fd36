import STUN
import Testing
import Wire

@testable import TURN

/// The attack list's rows on TURN.
@Suite struct AttackTests {
    private let peer = SocketAddress(ip: IPAddress("192.0.2.50")!, port: 7000)

    @Test(
        "TURN 35: peers that are not the public internet are refused",
        arguments: [
            "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
            "169.254.169.254", "100.64.0.1", "100.100.100.200", "224.0.0.1", "255.255.255.255", "240.0.0.1",
            "198.18.0.1", "192.0.0.8", "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "fc00::1",
            "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1",
            "2002:c0a8:101::1",
        ]) func attack35(_ text: String) throws
    {
        let ip = try #require(IPAddress(text))
        let bench = Bench { $0.relayIPv6 = IPAddress("2001:db8::5") }
        _ = bench.allocate { $0.add(.additionalAddressFamily, UInt32(2) << 24) }
        let victim = SocketAddress(ip: ip, port: 6379)
        #expect(bench.permit(victim)?.error == 403)
        #expect(bench.bindChannel(0x4000, victim)?.error == 403)
        // With a permission for somebody else, data to it in an indication goes nowhere either.
        _ = bench.permit(peer)
        var builder = MessageBuilder(MessageType(.indication, .send), transactionID: TransactionID(high: 1, low: 1))
        builder.addXOR(.xorPeerAddress, victim)
        builder.add(.data, [1])
        let bytes = builder.finish(key: nil)
        let result = try? bench.server.receive(bytes.span.bytes, from: bench.client, now: bench.now)
        #expect(result == nil)
        // One forbidden peer among others: none is permitted.
        let mixed = bench.ask(.createPermission) {
            $0.addXOR(.xorPeerAddress, SocketAddress(ip: IPAddress("192.0.2.60")!, port: 1))
            $0.addXOR(.xorPeerAddress, victim)
        }
        #expect(mixed?.error == 403)
        let came = bench.come(from: SocketAddress(ip: IPAddress("192.0.2.60")!, port: 1))
        #expect(came == .failure(.turnNoPermission))
    }

    @Test("TURN 35: the server's own listener is no peer") func attack35Listener() {
        let bench = Bench()
        _ = bench.allocate()
        #expect(bench.permit(Bench.listener)?.error == 403)
    }

    @Test("TURN 35: an allow list opens what it names, and a deny list wins") func attack35Lists() {
        let policy = PeerPolicy(
            allowed: [AddressRange("10.1.0.0/16")!],
            denied: [AddressRange("10.1.2.0/24")!, AddressRange("192.0.2.0/24")!])
        let verdicts = ["10.1.1.1", "10.1.2.1", "10.2.0.1", "192.0.2.1", "198.51.100.1"].map {
            policy.admits(IPAddress($0)!)
        }
        #expect(verdicts == [true, false, false, false, true])
    }

    @Test("TURN 35: a server for its own host's media relays nowhere else") func attack35Restricted() {
        var policy = PeerPolicy(allowed: [AddressRange("203.0.113.7")!])
        policy.isRestricted = true
        let verdicts = ["203.0.113.7", "203.0.113.8", "192.0.2.1", "127.0.0.1"].map { policy.admits(IPAddress($0)!) }
        #expect(verdicts == [true, false, false, false])
    }

    @Test("TURN 36: a user's allocations are counted") func attack36Quota() {
        let bench = Bench { $0.allocationsPerUser = 2 }
        let answers = (0..<3).map { index in
            bench.allocate(
                from: Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 6000 + UInt16(index))))
        }
        #expect(answers.map { $0?.error } == [nil, nil, 486])
        let other = Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 6100))
        #expect(bench.allocate(user: "bob", password: "other", from: other)?.isSuccess == true)
    }

    @Test("TURN 36: the server's allocations are counted") func attack36Capacity() {
        let bench = Bench { $0.allocations = 2 }
        let errors = (0..<3).map { index in
            bench.allocate(
                from: Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 6000 + UInt16(index)))
            )?.error
        }
        #expect(errors == [nil, nil, 508])
    }

    @Test("TURN 36: what an allocation relays is bounded") func attack36Bandwidth() {
        let bench = Bench { $0.bytesPerSecond = 10_000 }
        _ = bench.allocate()
        _ = bench.bindChannel(0x4000, peer)
        func passed(_ bench: Bench) -> Int {
            (0..<100).count { _ in (try? bench.pass(0x4000, Array(repeating: 0, count: 1000)).get()) != nil }
        }
        let first = passed(bench)
        bench.advance(.milliseconds(500))
        let second = passed(bench)
        bench.advance(.seconds(100))
        let third = passed(bench)
        #expect((first, second, third) == (10, 5, 10))
        let inward = bench.come(from: peer, length: 20_000)
        #expect(inward == .failure(.turnRateExceeded), "each way has its own budget")
    }

    @Test("TURN 36: temporary credentials end, and only their secret's holder makes them") func attack36Temporary() {
        let secret = "0123456789abcdef"
        let change: (inout ServerConfiguration) -> Void = { configuration in
            configuration.secrets = ["another secret of old", secret]
            configuration.unixTimeAtOrigin = 1_700_000_000
        }
        let name = "1700000010:alice"
        let password = LongTermCredential.temporaryPassword(username: name, secret: secret)
        let bench = Bench(change)
        #expect(bench.allocate(user: name, password: password)?.isSuccess == true)
        #expect(bench.allocate(user: name, password: "guess")?.error == 401)
        bench.advance(.seconds(10))
        #expect(bench.ask(.refresh, user: name, password: password)?.isSuccess == true, "a call is not cut")
        let other = Tuple(socket: 0, remote: SocketAddress(ip: bench.client.remote.ip, port: 6000))
        #expect(bench.allocate(user: name, password: password, from: other)?.error == 401, "but makes no new one")
        #expect(bench.allocate(user: "9999999999:alice", password: password, from: other)?.error == 401)
    }

    @Test("TURN 36: nonces go stale, and are good from their address only") func attack36Nonce() {
        let bench = Bench()
        _ = bench.allocate()
        let nonce = bench.nonce
        bench.advance(.seconds(Limits.nonceLifetime + 1))
        #expect(bench.ask(.refresh)?.error == 438 && bench.nonce != nonce)
        let stranger = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress("198.51.100.99")!, port: 1))
        #expect(bench.ask(.allocate, from: stranger) { $0.add(.requestedTransport, UInt32(17) << 24) }?.error == 438)
        bench.nonce = "AAAAAAAAAAAAAAAA"
        #expect(bench.ask(.refresh)?.error == 438)
        bench.nonce = "short"
        #expect(bench.ask(.refresh)?.error == 438)
    }

    @Test("TURN 36: strangers are answered rarely, and others meanwhile") func attack36Rate() {
        let bench = Bench()
        let victim = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress("192.0.2.99")!, port: 4000))
        var bytes = (sent: 0, received: 0)
        for _ in 0..<10_000 {
            let answer = bench.ask(.allocate, from: victim, signs: false) {
                $0.add(.requestedTransport, UInt32(17) << 24)
            }
            bytes = (bytes.sent + 28, bytes.received + (answer?.bytes ?? 0))
            bench.now = bench.now + .milliseconds(1)
        }
        // 10 s: 20 at once, then 10 a second, of 56 bytes each.
        #expect(bytes.received <= 121 * 60 && bytes.received > 0)
        #expect(bytes.received * 10 < bytes.sent)
        #expect(bench.allocate()?.isSuccess == true, "who comes from elsewhere does not notice")
    }

    @Test("TURN 36: an answer before authentication is no larger than its question, but for the challenge")
    func attack36Reflection() {
        let bench = Bench()
        var random = SeededRandom(seed: 4)
        for method in [Method.allocate, .refresh, .createPermission, .channelBind] {
            // Integrity without a name: 400.
            var builder = MessageBuilder(MessageType(.request, method), transactionID: TransactionID(random: &random))
            builder.add(.requestedTransport, UInt32(17) << 24)
            let bytes = builder.finish(key: [1], fingerprint: false)
            let answer = bench.give(bytes, from: bench.client)
            #expect(answer?.error == 400 && (answer?.bytes ?? .max) <= bytes.count)
        }
    }

    @Test("TURN 36: channel numbers and permissions are bounded") func attack36Channels() {
        let bench = Bench()
        _ = bench.allocate()
        var errors: [UInt16?] = []
        for index in 0..<100 {
            let peer = SocketAddress(ip: IPAddress(ipv4: 0xC000_0200 + UInt32(index)), port: 7000)
            errors.append(bench.bindChannel(0x4000 + UInt16(index), peer)?.error)
        }
        #expect(errors.count { $0 == nil } == Limits.channels && errors.last == 508)
    }

    @Test("TURN 36: TCP is not relayed, so there is no pivot") func attack36TCP() {
        let bench = Bench()
        _ = bench.ask(.allocate, signs: false)
        #expect(bench.ask(.allocate) { $0.add(.requestedTransport, UInt32(6) << 24) }?.error == 442)
        // Connect (RFC 6062) is not spoken.
        #expect(bench.ask(Method(rawValue: 10)) == nil)
    }

    @Test func anotherUsersAllocationIsNotTouched() {
        let bench = Bench()
        _ = bench.allocate()
        #expect(bench.ask(.refresh, user: "bob", password: "other") { $0.add(.lifetime, UInt32(0)) }?.error == 441)
        let count = bench.server.allocationCount
        #expect(count == 1)
    }

    @Test func noiseNeitherTrapsNorIsAnswered() {
        let bench = Bench()
        _ = bench.allocate()
        var random = SeededRandom(seed: 77)
        for round in 0..<20_000 {
            var bytes = random.bytes(Int(random.next() % 120))
            if !bytes.isEmpty { bytes[0] = round % 2 == 0 ? 0x40 | bytes[0] & 0x0F : bytes[0] & 3 }
            let answer = bench.give(bytes, from: bench.client)
            #expect(answer == nil)
        }
        let count = bench.server.allocationCount
        #expect(count == 1)
    }
}
