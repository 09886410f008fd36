import ICE
import STUN
import Testing
import Wire

struct HostilePeerTests {
    let tuple = Tuple(socket: 0, remote: address("203.0.113.77", 7777))
    let now = Instant(nanoseconds: 1_000_000_000)

    func server(isLite: Bool = false, isControlling: Bool = false) -> Agent {
        Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "serv", password: "server-password-aaaaaaa"), isLite: isLite,
                isControlling: isControlling,
                localCandidates: [.host(address: Network.serverAddress, socket: 0)]),
            random: SeededRandom(seed: 5), now: now)
    }

    func drop(_ agent: inout Agent, _ bytes: [UInt8], from source: Tuple? = nil) -> DropReason? {
        do throws(DropReason) { try agent.take(bytes, from: source ?? tuple, now: now) } catch { return error }
        return nil
    }

    let password = "server-password-aaaaaaa"

    func good(_ change: (inout MessageBuilder) -> Void = { _ in }) -> [UInt8] {
        makeCheck(username: "serv:cli", key: password, change: change)
    }

    @Test("STUN/ICE 1: strangers get no answer") func strangersGetNoAnswer() {
        for isLite in [false, true] {
            var agent = server(isLite: isLite)
            #expect(drop(&agent, makeCheck(username: "other:cli", key: password)) == .stunUnknownUser)
            #expect(drop(&agent, makeCheck(username: "serv", key: password)) == .stunUnknownUser)
            #expect(drop(&agent, makeCheck(username: "serv:cli", key: "guess")) == .stunBadIntegrity)
            #expect(drop(&agent, makeCheck(username: "serv:cli", key: "guess", nominates: true)) == .stunBadIntegrity)
            var bare = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 1, low: 1))
            #expect(drop(&agent, bare.finish(key: nil)) == .stunUnknownUser)
            bare.addUsername("serv:cli")
            #expect(drop(&agent, bare.finish(key: nil)) == .stunBadIntegrity)
            #expect(
                drop(&agent, bare.finish(key: Array(password.utf8), fingerprint: false))
                    == .stunBadFingerprint)
            var flipped = good()
            flipped[30] ^= 1
            #expect(drop(&agent, flipped) != nil)
            #expect(drop(&agent, Array(good().dropLast())) == .stunMalformed)
            #expect(drop(&agent, []) == .stunMalformed)
            let allocate = MessageBuilder(
                MessageType(.request, Method(rawValue: 3)), transactionID: TransactionID(high: 1, low: 1))
            #expect(drop(&agent, allocate.finish(key: nil)) == .stunUnknownMethod)
            #expect(agent.allTransmits().isEmpty)
            #expect(!agent.isValidated(tuple))
            #expect(agent.state == .new)
        }
    }

    @Test("STUN/ICE 1: answers are never larger than the request") func answersAreNeverLargerThanTheRequest() throws {
        var agent = server()
        for source in [tuple, Tuple(socket: 0, remote: address("2001:db8::77", 1))] {
            let request = good()
            try agent.take(request, from: source, now: now)
            let answers = agent.allTransmits()
            #expect(answers.count == 1)
            #expect(answers[0].bytes.count <= request.count)
            #expect(answers[0].tuple == source)
            let answer = read(answers[0].bytes, key: password)
            #expect(answer?.messageClass == .success && answer?.mapped == source.remote)
            #expect(answer?.isVerified == true)
        }
    }

    @Test("STUN/ICE 2: unknown attributes are refused only after authentication")
    func unknownAttributesAreRefusedOnlyAfterAuthentication() throws {
        var agent = server()
        let unknown: (inout MessageBuilder) -> Void = { $0.add(AttributeType(rawValue: 0x7777), [1, 2]) }
        #expect(drop(&agent, makeCheck(username: "serv:cli", key: "guess", change: unknown)) == .stunBadIntegrity)
        #expect(agent.allTransmits().isEmpty)
        try agent.take(good(unknown), from: tuple, now: now)
        let answers = agent.allTransmits()
        let answer = read(answers[0].bytes, key: password)
        #expect(answer?.error == .unknownAttribute && answer?.refused == [0x7777])
        #expect(!agent.isValidated(tuple))
    }

    @Test("STUN/ICE 7: role conflicts follow the table") func roleConflictFollowsTheTable() throws {
        // RFC 8445 section 7.3.1.1: the larger tie-breaker controls; ours is neither 0 nor the maximum.
        var low = server(isControlling: true)
        try low.take(makeCheck(username: "serv:cli", key: password, tieBreaker: 0), from: tuple, now: now)
        #expect(read(low.allTransmits()[0].bytes, key: password)?.error == .roleConflict)
        #expect(low.isControlling)
        var high = server(isControlling: true)
        try high.take(
            makeCheck(username: "serv:cli", key: password, tieBreaker: .max), from: tuple, now: now)
        #expect(read(high.allTransmits()[0].bytes, key: password)?.messageClass == .success)
        #expect(!high.isControlling)
        for (tieBreaker, becomesControlling) in [(UInt64(0), true), (.max, false)] {
            var controlled = server()
            try controlled.take(
                makeCheck(
                    username: "serv:cli", key: password, controlling: false, tieBreaker: tieBreaker),
                from: tuple, now: now)
            #expect(controlled.isControlling == becomesControlling)
            let answer = read(controlled.allTransmits()[0].bytes, key: password)
            #expect(answer?.error == (becomesControlling ? nil : .roleConflict))
        }
    }

    @Test("STUN/ICE 9: responses that nobody asked for are dropped") func responsesNobodyAskedForAreDropped() {
        var agent = server()
        agent.setRemote(Credentials(ufrag: "cli", password: "client-password-aaaaaaa"), now: now)
        agent.addRemoteCandidate("candidate:1 1 udp 1 203.0.113.77 7777 typ host", now: now)
        let sent = agent.allTransmits()
        #expect(sent.count == 1)
        func answer(key: String, id: TransactionID) -> [UInt8] {
            var builder = MessageBuilder(MessageType(.success), transactionID: id)
            builder.addXORMappedAddress(Network.serverAddress)
            return builder.finish(key: Array(key.utf8))
        }
        let bytes = sent[0].bytes
        let id = TransactionID(
            high: bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) },
            low: bytes[12..<20].reduce(0) { $0 << 8 | UInt64($1) })
        let elsewhere = Tuple(socket: 0, remote: address("203.0.113.78", 7777))
        #expect(
            drop(&agent, answer(key: "client-password-aaaaaaa", id: TransactionID(high: 0, low: 0)))
                == .stunUnexpectedResponse)
        let right = answer(key: "client-password-aaaaaaa", id: id)
        #expect(drop(&agent, right, from: elsewhere) == .stunUnexpectedResponse)
        #expect(drop(&agent, answer(key: "guess", id: id)) == .stunBadIntegrity)
        #expect(agent.selectedTuple == nil)
        #expect(drop(&agent, answer(key: "client-password-aaaaaaa", id: id)) == nil)
        #expect(agent.selectedTuple == tuple)
        #expect(drop(&agent, answer(key: "client-password-aaaaaaa", id: id)) == .stunUnexpectedResponse)
    }

    /// The comparison takes constant time (`CRYPTO_memcmp`), which a test cannot show; that no byte is left out, it can.
    @Test("STUN/ICE 4: whichever byte of the tag is wrong, the message is refused") func everyByteOfTheTagCounts() {
        var agent = server()
        let message = good()
        let tag = (message.count - 28)..<(message.count - 8)
        for index in tag {
            for bit in [UInt8(1), 0x80] {
                var forged = message
                forged[index] ^= bit
                let checksum = Fingerprint.value(of: forged.span.bytes, count: forged.count - 8)
                for byte in 0..<4 {
                    forged[forged.count - 4 + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * byte))
                }
                let reason = drop(&agent, forged)
                #expect(reason == .stunBadIntegrity)
            }
        }
        let reason = drop(&agent, message)
        #expect(reason == nil)
    }

    @Test("STUN/ICE 6: a flood of candidates is bounded") func candidateFloodIsBounded() {
        var agent = server()
        for port in 1...10_000 {
            agent.addRemoteCandidate("candidate:\(port) 1 udp \(port) 198.51.100.4 \(port) typ host", now: now)
        }
        #expect(agent.ignoredCandidates == UInt64(10_000 - ICE.Limits.pendingCandidates))
        agent.setRemote(Credentials(ufrag: "cli", password: "client-password-aaaaaaa"), now: now)
        for port in 1...10_000 {
            agent.addRemoteCandidate("candidate:\(port) 1 udp \(port) 198.51.100.5 \(port) typ host", now: now)
        }
        #expect(agent.remoteCandidateCount == ICE.Limits.remoteCandidates)
        #expect(agent.pairCount <= ICE.Limits.pairs)
        // The whole flood makes us send at most 32 checks, paced, each a bounded number of times.
        var sent = 0
        for _ in 0..<20_000 where agent.deadline < now + .seconds(60) {
            agent.advance(to: agent.deadline)
            sent += agent.allTransmits().count
        }
        #expect(sent <= ICE.Limits.remoteCandidates * ICE.Limits.checkSends)
        #expect(agent.state == .failed)
    }

    @Test("STUN/ICE 6: requests from many sources are bounded") func requestFloodFromManyAuthenticatedSourcesIsBounded()
    {
        for isLite in [false, true] {
            var agent = server(isLite: isLite)
            agent.setRemote(Credentials(ufrag: "cli", password: "client-password-aaaaaaa"), now: now)
            for port in UInt16(1)...5000 {
                _ = drop(&agent, good(), from: Tuple(socket: 0, remote: address("198.51.100.9", port)))
                _ = agent.allTransmits()
            }
            #expect(agent.remoteCandidateCount <= ICE.Limits.remoteCandidates)
            #expect(agent.pairCount <= ICE.Limits.pairs)
        }
    }

    @Test("STUN/ICE 6: nothing is sent where nobody may be sent to") func answersGoNowhereForbidden() {
        var agent = server()
        let forbidden: [(String, UInt16)] = [
            ("224.0.0.1", 5), ("0.0.0.0", 5), ("255.255.255.255", 5), ("203.0.113.1", 0), ("169.254.169.254", 80),
        ]
        for (ip, port) in forbidden {
            #expect(drop(&agent, good(), from: Tuple(socket: 0, remote: address(ip, port))) == .stunMalformed)
        }
        #expect(drop(&agent, good(), from: Tuple(socket: 9, remote: tuple.remote)) == .unknownTuple)
        #expect(agent.allTransmits().isEmpty)
    }

    @Test func oversizedCredentialsFromSignallingAreRefused() {
        var agent = server()
        let huge = String(repeating: "x", count: 5000)
        for wrong in [("cli", huge), (huge, password), ("", password)] {
            let isTaken = agent.setRemote(Credentials(ufrag: wrong.0, password: wrong.1), now: now)
            #expect(!isTaken)
        }
        #expect(agent.state == .new && agent.remote == nil)
        let long = String(repeating: "x", count: 256)
        let isTaken = agent.setRemote(Credentials(ufrag: long, password: long), now: now)
        #expect(isTaken)
        agent.addRemoteCandidate("candidate:1 1 udp 1 203.0.113.77 7777 typ host", now: now)
        #expect(agent.allTransmits().count == 1)
    }

    @Test func undrainedQueuesStayBounded() {
        var agent = server()
        for port in UInt16(1)...1000 {
            _ = drop(&agent, good(), from: Tuple(socket: 0, remote: address("198.51.100.9", port)))
        }
        #expect(agent.allTransmits().count == ICE.Limits.queuedTransmits)
        #expect(agent.droppedTransmits > 0)
    }

    @Test("STUN/ICE 3: mutated traffic never traps") func mutatedTrafficNeverTraps() {
        var random = SeededRandom(seed: 8445)
        var net = Network(seed: 1)
        net.run(for: .seconds(1))
        for _ in 0..<5000 {
            var bytes = makeCheck(
                username: "\(net.server.local.ufrag):x", key: net.server.local.password,
                nominates: random.next() % 2 == 0, controlling: random.next() % 2 == 0, tieBreaker: random.next(),
                priority: UInt32(truncatingIfNeeded: random.next()), id: random.next())
            if random.next() % 2 == 0 { bytes[Int(random.next() % UInt64(bytes.count))] ^= 0xFF }
            let source = address("198.51.100.\(random.next() % 4)", UInt16(truncatingIfNeeded: random.next() % 8))
            try? net.server.take(bytes, from: Tuple(socket: 0, remote: source), now: net.now)
            net.drain()
            net.run(for: .milliseconds(Int64(random.next() % 40)))
        }
        #expect(net.server.remoteCandidateCount <= ICE.Limits.remoteCandidates)
    }
}
