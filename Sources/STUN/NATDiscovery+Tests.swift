import Wire

// The tests of RFC 5780 section 4, one after the other.

extension NATDiscovery {
    mutating func nextStep(_ now: Instant) {
        if !steps.isEmpty { steps.removeFirst() }
        beginStep(now)
    }

    mutating func beginStep(_ now: Instant) {
        let server = configuration.server
        guard let step = steps.first else {
            isFinished = true
            return
        }
        switch step {
        case .mappingFirst: ask(.first, from: Socket.mapping, server, now)
        case .mappingOtherAddress:
            guard let alternate else { return nextStep(now) }
            ask(.otherAddress, from: Socket.mapping, SocketAddress(ip: alternate.ip, port: server.port), now)
        case .mappingOtherPort:
            guard let alternate else { return nextStep(now) }
            ask(.otherPort, from: Socket.mapping, alternate, now)
        case .filteringOpen: ask(.open, from: Socket.filtering, server, now)
        case .filtering:
            // Both at once, from one socket that has spoken to nobody but the server's first endpoint.
            ask(.changeBoth, from: Socket.filtering, server, change: [.address, .port], now)
            ask(.changePort, from: Socket.filtering, server, change: .port, now)
        case .hairpinLearn:
            ask(.learn(0), from: Socket.hairpin, server, now)
            ask(.learn(1), from: Socket.hairpinOther, server, now)
        case .hairpin:
            // Each asks the other at its external endpoint: the one request opens the filter for the other.
            guard let first = hairpinAddresses[0], let second = hairpinAddresses[1] else { return nextStep(now) }
            ask(.hairpin, from: Socket.hairpin, second, listener: Socket.hairpinOther, now)
            ask(.hairpin, from: Socket.hairpinOther, first, listener: Socket.hairpin, now)
        case .lifetimeOpen: ask(.fresh, from: Socket.lifetime, server, now)
        case .lifetimeWait: waitsUntil = now + lifetime.tried
        case .lifetimeAsk:
            guard let mapped = lifetime.mapped else { return nextStep(now) }
            ask(
                .ask, from: Socket.lifetimeAsking, server, responsePort: mapped.port, listener: Socket.lifetime, now)
        }
    }

    private mutating func ask(
        _ purpose: Purpose, from socket: Int, _ destination: SocketAddress, change: ChangeRequest = [],
        responsePort: UInt16? = nil, listener: Int? = nil, _ now: Instant
    ) {
        let id = TransactionID(random: &random)
        var builder = MessageBuilder(MessageType(.request), transactionID: id)
        if !change.isEmpty { builder.add(.changeRequest, change.rawValue) }
        if let responsePort { builder.add(.responsePort, UInt32(responsePort) << 16) }
        let transmit = Transmit(socket: socket, destination: destination, bytes: builder.finish(key: nil))
        transmits.append(transmit)
        probes.append(
            Probe(
                purpose: purpose, id: id, transmit: transmit, listener: listener ?? socket,
                nextSend: now + configuration.retransmission, timeout: configuration.retransmission))
    }

    // MARK: Answers

    mutating func note(_ purpose: Purpose, mapped: SocketAddress, other: SocketAddress?, _ now: Instant) {
        switch purpose {
        case .first:
            report.local = locals[Socket.mapping]
            report.mapped = mapped
            // A server that names its own address as the other one has none.
            alternate = other.flatMap { $0.ip != configuration.server.ip ? $0 : nil }
            report.serverHasAlternates = alternate != nil
            planTests()
            nextStep(now)
        case .otherAddress:
            secondMapped = mapped
            if mapped == report.mapped {
                report.mapping = .endpointIndependent
                steps.removeAll { $0 == .mappingOtherPort }
            }
            nextStep(now)
        case .otherPort:
            // Without an answer from the other address nothing can be said.
            if let secondMapped {
                report.mapping = mapped == secondMapped ? .addressDependent : .addressAndPortDependent
            }
            nextStep(now)
        case .open: nextStep(now)
        case .changeBoth:
            report.filtering = .endpointIndependent
            probes.removeAll { $0.purpose == .changePort }
            nextStep(now)
        case .changePort:
            answersFromOtherPort = true
            finishFiltering(now)
        case .learn(let index):
            hairpinAddresses[index] = mapped
            finishLearning(now)
        case .hairpin: break
        case .fresh:
            lifetime.mapped = mapped
            nextStep(now)
        case .ask: noteLifetime(isAlive: true, now)
        }
    }

    /// What follows from no answer at all.
    mutating func noteSilence(_ purpose: Purpose, _ now: Instant) {
        switch purpose {
        case .first:
            report.isUDPBlocked = true
            steps = []
            isFinished = true
        case .changeBoth, .changePort: finishFiltering(now)
        case .learn: finishLearning(now)
        case .hairpin:
            guard steps.first == .hairpin, !probes.contains(where: { $0.purpose == .hairpin }) else { return }
            report.hairpin = .off
            nextStep(now)
        case .ask: noteLifetime(isAlive: false, now)
        case .otherAddress, .otherPort, .open, .fresh: nextStep(now)
        }
    }

    /// When both filtering tests have ended, neither by an answer from the other address.
    private mutating func finishFiltering(_ now: Instant) {
        let isRunning = probes.contains { $0.purpose == .changeBoth || $0.purpose == .changePort }
        guard steps.first == .filtering, !isRunning else { return }
        report.filtering = answersFromOtherPort ? .addressDependent : .addressAndPortDependent
        nextStep(now)
    }

    private mutating func finishLearning(_ now: Instant) {
        let isRunning = probes.contains { $0.purpose == .learn(0) || $0.purpose == .learn(1) }
        if steps.first == .hairpinLearn, !isRunning { nextStep(now) }
    }

    /// A request of ours came in from outside.
    mutating func noteHairpin(from source: SocketAddress, sender: Int, _ now: Instant) {
        probes.removeAll { $0.purpose == .hairpin }
        report.hairpin = source == locals[sender] ? .internalSource : .external
        nextStep(now)
    }

    /// Doubles the silence until a mapping does not survive it, then halves what is between.
    private mutating func noteLifetime(isAlive: Bool, _ now: Instant) {
        let longest = configuration.longestLifetime ?? .zero
        if isAlive { lifetime.alive = lifetime.tried } else { lifetime.dead = lifetime.tried }
        let next = lifetime.dead.map { (lifetime.alive + $0) / 2 } ?? min(lifetime.tried * 2, longest)
        let isKnown = (lifetime.dead ?? longest) - lifetime.alive <= configuration.lifetimeResolution
        guard !isKnown else {
            report.lifetime = NATReport.Lifetime(survives: lifetime.alive, ends: lifetime.dead)
            return nextStep(now)
        }
        lifetime.tried = next
        lifetime.mapped = nil
        // The asking ends with a test of its own: open, wait, ask.
        steps = [.lifetimeAsk, .lifetimeOpen, .lifetimeWait, .lifetimeAsk]
        nextStep(now)
    }

    private mutating func planTests() {
        steps = [.mappingFirst]
        if alternate != nil { steps += [.mappingOtherAddress, .mappingOtherPort, .filteringOpen, .filtering] }
        guard report.isTranslated else { return }
        steps += [.hairpinLearn, .hairpin]
        if configuration.longestLifetime != nil { steps += [.lifetimeOpen, .lifetimeWait, .lifetimeAsk] }
    }
}
