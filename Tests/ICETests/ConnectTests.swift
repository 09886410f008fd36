import ICE
import STUN
import Testing
import Wire

struct ConnectTests {
    @Test func fullAgentsConnectInOneRoundTripAndNominateInTwo() {
        var net = Network(seed: 1)
        let start = net.now
        #expect(net.run(for: .seconds(5)) { $0.client.state.isUsable })
        #expect(net.now - start <= .milliseconds(50))
        #expect(net.run(for: .seconds(5)) { $0.isCompleted })
        #expect(net.now - start <= .milliseconds(200))
        #expect(net.client.selectedTuple == Tuple(socket: 0, remote: Network.serverAddress))
        #expect(net.server.selectedTuple == Tuple(socket: 0, remote: Network.clientAddress))
        #expect(net.client.isControlling && !net.server.isControlling)
        #expect(net.client.roundTripTime.map { abs($0.milliseconds - 40) <= 1 } ?? false)
        #expect(net.serverEvents.last == .stateChanged(.completed))
        #expect(net.serverDrops.isEmpty && net.clientDrops.isEmpty)
    }

    @Test func liteServerConnectsAndSendsNoChecks() {
        var net = Network(seed: 2, .init(serverIsLite: true, tellsServer: false))
        var requests = 0
        for _ in 0..<40 {
            net.run(for: .milliseconds(10))
            for packet in net.packets where !packet.toServer {
                if read(packet.bytes, key: net.server.local.password)?.isRequest == true { requests += 1 }
            }
        }
        #expect(net.isCompleted)
        #expect(requests == 0)
        #expect(net.server.selectedTuple == Tuple(socket: 0, remote: Network.clientAddress))
    }

    @Test func controllingServerNominates() {
        var net = Network(seed: 3, .init(serverControls: true, clientControls: false))
        #expect(net.run(for: .seconds(2)) { $0.isCompleted })
    }

    @Test(arguments: [true, false]) func roleConflictEndsWithOneOfEach(bothControl: Bool) {
        for seed in UInt64(10)..<30 {
            var net = Network(seed: seed, .init(serverControls: bothControl, clientControls: bothControl))
            #expect(net.run(for: .seconds(3)) { $0.isCompleted })
            #expect(net.client.isControlling != net.server.isControlling)
        }
    }

    @Test func liteServerTurnsAControlledClientAround() {
        var net = Network(seed: 4, .init(serverIsLite: true, clientControls: false, tellsServer: false))
        #expect(net.run(for: .seconds(3)) { $0.isCompleted })
        #expect(net.client.isControlling)
    }

    @Test func serverLearnsAnUnsignalledClientAsPeerReflexive() {
        var net = Network(seed: 5, .init(tellsServer: false))
        net.mapping[Network.clientAddress] = address("198.51.100.20", 1234)
        #expect(net.run(for: .seconds(2)) { $0.isCompleted })
        let selected = net.serverEvents.compactMap { event -> Candidate? in
            if case .pairSelected(_, let remote, _) = event { return remote }
            return nil
        }
        #expect(selected.last?.kind == .peerReflexive)
        #expect(selected.last?.address == address("198.51.100.20", 1234))
    }

    @Test func aSignalledCandidateReplacesTheLearnedOne() {
        var net = Network(seed: 6, .init(tellsServer: false))
        #expect(net.run(for: .seconds(2)) { $0.isCompleted })
        let line = "candidate:1 1 udp 2113937151 203.0.113.7 50000 typ host"
        #expect(net.server.addRemoteCandidate(line, now: net.now) == .duplicate)
        #expect(net.server.state == .completed)
    }

    @Test func lateTrickledCandidatesConnect() {
        var net = Network(seed: 7, .init(tellsClient: false, tellsServer: false))
        net.run(for: .seconds(4))
        #expect(net.client.state == .checking && net.server.state == .checking)
        net.tellClient()
        #expect(net.run(for: .seconds(1)) { $0.isCompleted })
    }

    @Test func candidatesAndChecksBeforeCredentialsCount() {
        var net = Network(seed: 8, .init(exchangesCredentials: false))
        #expect(net.server.addRemoteCandidate("candidate:1 1 udp 5 203.0.113.9 1 typ host", now: net.now) == .queued)
        // The client knows us first; its checks are answered before the server knows the client.
        net.client.setRemote(net.server.local, now: net.now)
        net.drain()
        net.run(for: .seconds(1))
        #expect(net.client.state.isUsable)
        #expect(net.server.state == .checking)
        #expect(net.server.selectedTuple == nil)
        #expect(net.server.isValidated(Tuple(socket: 0, remote: Network.clientAddress)))
        let told = net.now
        net.server.setRemote(net.client.local, now: net.now)
        net.drain()
        #expect(net.run(for: .seconds(1)) { $0.server.state == .completed })
        #expect(net.now - told <= .milliseconds(100))
    }

    @Test func ipv6AndSeveralSocketsConnect() {
        var net = Network(
            seed: 9,
            .init(
                serverSockets: [Network.serverAddress, address("2001:db8::1", 40000)],
                clientSockets: [address("2001:db8:ffff::5", 9), address("203.0.113.50", 9), address("10.0.0.4", 9)]))
        #expect(net.run(for: .seconds(3)) { $0.isCompleted })
        #expect(net.client.selectedTuple?.remote.ip.isIPv4 == net.server.selectedTuple?.remote.ip.isIPv4)
    }

    @Test func aPathThatWorksWinsOverOnesThatDoNot() {
        var net = Network(seed: 11, .init(tellsClient: false))
        for host in 1...20 {
            let line = "candidate:\(host) 1 udp 2130706431 198.51.100.\(host) 9 typ host"
            net.client.addRemoteCandidate(line, now: net.now)
        }
        net.tellClient()
        #expect(net.run(for: .seconds(5)) { $0.isCompleted })
    }

    @Test func wrongPasswordNeverConnectsAndFailsInTime() {
        var net = Network(seed: 12, .init(exchangesCredentials: false))
        var wrong = net.server.local
        wrong.password = String(repeating: "x", count: 24)
        net.client.setRemote(wrong, now: net.now)
        net.server.setRemote(wrong, now: net.now)
        net.drain()
        net.run(for: .seconds(29))
        #expect(net.serverDrops.contains(.stunBadIntegrity))
        #expect(net.client.selectedTuple == nil)
        net.run(for: .seconds(2))
        #expect(net.client.state == .failed)
        #expect(!net.server.isValidated(Tuple(socket: 0, remote: Network.clientAddress)))
    }

    @Test func swarmConnectsQuicklyThroughLossAndReordering() {
        var slowest = Interval.zero
        var late = 0
        for seed in UInt64(0)..<300 {
            let setup = Network.Setup(
                serverIsLite: seed % 3 == 0, serverControls: seed % 4 == 1, clientControls: seed % 5 != 1,
                serverSockets: seed % 2 == 0
                    ? [Network.serverAddress] : [Network.serverAddress, address("2001:db8::1", 40000)],
                tellsServer: seed % 7 < 3)
            var net = Network(seed: seed, setup)
            net.loss = seed % 6 * 4
            net.delay = .milliseconds(Int64(5 + seed % 90))
            net.jitter = .milliseconds(Int64(1 + seed % 60))
            let start = net.now
            let connected = net.run(for: .seconds(10)) { $0.isCompleted }
            #expect(connected, "seed \(seed)")
            #expect(net.client.isControlling != net.server.isControlling, "seed \(seed)")
            slowest = max(slowest, net.now - start)
            if net.now - start > .seconds(2) { late += 1 }
        }
        #expect(slowest <= .seconds(6))
        #expect(late <= 9)
    }

    @Test func sameSeedSamePackets() {
        func trace() -> (Int, Instant) {
            var net = Network(seed: 77)
            net.loss = 20
            net.jitter = .milliseconds(30)
            net.run(for: .seconds(20))
            return (net.sentPackets, net.now)
        }
        #expect(trace() == trace())
    }
}
