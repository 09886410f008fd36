import ICE
import STUN
import Testing
import Wire

struct ConsentTests {
    /// Connected and settled.
    func connected(seed: UInt64, _ setup: Network.Setup = .init()) -> Network {
        var net = Network(seed: seed, setup)
        #expect(net.run(for: .seconds(3)) { $0.isCompleted })
        net.run(for: .seconds(3))
        return net
    }

    @Test(arguments: [false, true]) func consentStaysFreshForHoursOnFewPackets(isLite: Bool) {
        var net = connected(seed: 1, .init(serverIsLite: isLite))
        let before = net.sentPackets
        net.run(for: .seconds(7200))
        #expect(net.isCompleted)
        #expect(!net.serverEvents.contains(.stateChanged(.disconnected)))
        // Each side asks every 5 s on average and is answered.
        let expected = 7200 / 5 * 2 * (isLite ? 1 : 2)
        #expect(abs(net.sentPackets - before - expected) < expected / 20)
    }

    @Test("STUN/ICE 8: consent that is over stops sending", arguments: [false, true])
    func silenceDisconnectsThenExpires(isLite: Bool) {
        var net = connected(seed: 2, .init(serverIsLite: isLite))
        net.isCut = true
        let cut = net.now
        #expect(net.run(for: .seconds(20)) { $0.server.state == .disconnected })
        #expect(net.now - cut <= .seconds(isLite ? 13 : 13))
        #expect(net.server.selectedTuple != nil)
        #expect(net.run(for: .seconds(30)) { $0.server.state == .failed })
        #expect(net.now - cut <= .seconds(30))
        #expect(net.now - cut >= .seconds(23))
        #expect(net.server.selectedTuple == nil)
        #expect(!net.server.isValidated(Tuple(socket: 0, remote: Network.clientAddress)))
        // Nothing more is sent, and the peer's checks no longer count until a restart.
        net.isCut = false
        net.run(for: .seconds(30))
        let quiet = net.sentPackets
        net.run(for: .seconds(120))
        #expect(net.sentPackets == quiet)
        #expect(net.server.state == .failed)
        #expect(net.server.deadline == .distantFuture)
    }

    @Test(arguments: [false, true]) func anAnswerReconnects(isLite: Bool) {
        var net = connected(seed: 3, .init(serverIsLite: isLite))
        net.isCut = true
        #expect(net.run(for: .seconds(20)) { $0.server.state == .disconnected })
        net.isCut = false
        #expect(net.run(for: .seconds(8)) { $0.isCompleted })
        net.run(for: .seconds(60))
        #expect(net.isCompleted)
    }

    @Test func lossAloneNeitherDisconnectsNorMovesThePath() {
        for seed in UInt64(20)..<40 {
            var net = connected(seed: seed)
            net.loss = 10
            let moves = net.serverEvents.count
            net.run(for: .seconds(300))
            #expect(net.isConnected)
            let later = net.serverEvents[moves...]
            #expect(!later.contains { if case .pairSelected = $0 { true } else { false } })
        }
    }

    /// NAT rebinding: the client keeps sending, and the server sees another address. The client
    /// noticed nothing and nominates nothing.
    @Test(arguments: [false, true]) func reboundClientIsFollowed(isLite: Bool) {
        for seed in UInt64(4)..<24 {
            var net = connected(seed: seed, .init(serverIsLite: isLite))
            let rebound = address("198.51.100.99", UInt16(1000 + seed))
            net.mapping[Network.clientAddress] = rebound
            let moved = net.now
            #expect(net.run(for: .seconds(20)) { $0.server.selectedTuple?.remote == rebound })
            #expect(net.now - moved <= .seconds(isLite ? 14 : 8))
            net.run(for: .seconds(120))
            #expect(net.isConnected)
            #expect(net.server.selectedTuple?.remote == rebound)
        }
    }

    @Test func manyRebindingsStayBounded() {
        var net = connected(seed: 5)
        for round in 0..<60 {
            net.mapping[Network.clientAddress] = address("198.51.100.99", UInt16(2000 + round))
            let target = address("198.51.100.99", UInt16(2000 + round))
            #expect(net.run(for: .seconds(20)) { $0.server.selectedTuple?.remote == target })
        }
        #expect(net.server.remoteCandidateCount <= ICE.Limits.remoteCandidates)
        #expect(net.isConnected)
    }

    @Test("STUN/ICE 5: a forged source moves nothing without our own check")
    func aForgedSourceMovesNothingWithoutOurOwnCheck() throws {
        var net = connected(seed: 6)
        let victim = Tuple(socket: 0, remote: address("198.51.100.66", 666))
        let username = "\(net.server.local.ufrag):\(net.client.local.ufrag)"
        // Authentic bytes (captured from the client, say), replayed from the victim's address.
        let replay = makeCheck(username: username, key: net.server.local.password, nominates: true, tieBreaker: .max)
        for _ in 0..<50 {
            try? net.server.take(replay, from: victim, now: net.now)
            net.drain()
            net.run(for: .milliseconds(200))
        }
        #expect(net.server.selectedTuple?.remote == Network.clientAddress)
        #expect(net.isCompleted)
        #expect(!net.serverEvents.contains(.stateChanged(.disconnected)))
    }

    @Test func restartByThePeerKeepsMediaOnTheOldPathUntilTheNewOneWorks() {
        for isLite in [false, true] {
            var net = connected(seed: 7, .init(serverIsLite: isLite))
            let old = net.server.selectedTuple
            let fresh = Credentials(random: &net.random)
            let freshServer = Credentials(random: &net.random)
            net.server.restart(local: freshServer, now: net.now)
            net.drain()
            #expect(net.server.state == .checking)
            #expect(net.server.selectedTuple == old)
            #expect(net.server.isValidated(old!))
            // The client still asks with the old credentials and is still answered.
            net.run(for: .seconds(8))
            #expect(net.client.state == .completed)
            net.client.restart(local: fresh, now: net.now)
            net.client.setRemote(freshServer, isLite: isLite, now: net.now)
            net.server.setRemote(fresh, now: net.now)
            let moved = address("198.51.100.1", 4321)
            net.mapping[Network.clientAddress] = moved
            net.tellClient()
            #expect(net.run(for: .seconds(2)) { $0.isCompleted })
            #expect(net.server.selectedTuple?.remote == moved)
            net.run(for: .seconds(100))
            #expect(net.isCompleted)
        }
    }

    @Test(arguments: [false, true]) func aRestartDoesNotProlongConsent(_ isLite: Bool) {
        var net = connected(seed: 10, .init(serverIsLite: isLite))
        net.isCut = true
        let cut = net.now
        net.run(for: .seconds(20))
        for _ in 0..<2 {
            net.server.restart(local: Credentials(random: &net.random), now: net.now)
            net.drain()
        }
        #expect(net.server.selectedTuple != nil && net.server.state == .checking)
        #expect(net.run(for: .seconds(11)) { $0.server.selectedTuple == nil })
        #expect(net.now - cut <= .seconds(30) && net.now - cut >= .seconds(23))
        #expect(net.server.state == .checking, "it goes on looking")
    }

    @Test func restartAfterConsentExpiredConnectsAgain() {
        var net = connected(seed: 8)
        net.isCut = true
        net.run(for: .seconds(60))
        #expect(net.server.state == .failed && net.client.state == .failed)
        net.isCut = false
        let one = Credentials(random: &net.random)
        let two = Credentials(random: &net.random)
        net.client.restart(local: one, now: net.now)
        net.server.restart(local: two, now: net.now)
        net.client.setRemote(two, now: net.now)
        net.server.setRemote(one, now: net.now)
        net.tellClient()
        #expect(net.run(for: .seconds(3)) { $0.isCompleted })
    }

    @Test func closedAgentsAreSilent() {
        var net = connected(seed: 9)
        net.server.close()
        net.drain()
        #expect(net.serverEvents.last == .stateChanged(.closed))
        #expect(net.server.selectedTuple == nil)
        #expect(net.server.deadline == .distantFuture)
        net.run(for: .seconds(10))
        #expect(net.server.state == .closed)
        #expect(net.serverDrops.contains(.stunUnknownUser))
        #expect(net.server.addRemoteCandidate("", now: net.now) == .ignored(.closed))
    }
}
