import Logging
import RTP
import Session

// Media from one shard to another: one pipe for each source and shard that wants it.
//
// What a pipe is to be follows from who uses it and what its source has negotiated; `settle` makes it so,
// step by step, one caller at a time.
extension Director {
    func connect(_ route: Route, in session: SessionID) async throws(Refusal) -> Outcome {
        let (source, target) = (try unit(of: route.source, in: session), try unit(of: route.sink, in: session))
        let sink = Sink(route)
        guard source != target, let shard = units[target]?.index else {
            let outcome = try await call(.connect(route), in: target)
            record(.connect(route), in: target, of: session)
            await feed(sink, from: nil, in: session)
            return outcome
        }
        guard let generation = sessions[session]?.generation else { throw Self.notOpen(session) }
        let name = PipeBetweenShards(source: route.source, shard: shard)
        let pipe =
            sessions[session]?.pipes[name]
            ?? Pipe(id: EndpointID("pipe-\(incarnation)-\(nextGeneration())"), source: source, target: target)
        sessions[session]?.pipes[name] = pipe
        sessions[session]?.pipes[name]?.users.insert(sink)
        do throws(Refusal) {
            try await settle(name, in: session, generation)
            var hop = route
            hop.source = pipe.id
            let outcome = try await call(.connect(hop), in: target)
            guard sessions[session]?.pipes[name]?.id == pipe.id else {
                throw Refusal(.notFound, "endpoint \(route.source) was closed")
            }
            record(.connect(route), in: target, of: session)
            await feed(sink, from: name, in: session)
            return outcome
        } catch {
            if sessions[session]?.feeds[sink] != name { await leave(name, sink, in: session) }
            throw error
        }
    }

    func disconnect(_ route: Route, in session: SessionID) async throws(Refusal) -> Outcome {
        let (source, target) = (try unit(of: route.source, in: session), try unit(of: route.sink, in: session))
        let sink = Sink(route)
        var outcome = Outcome.done
        if source == target {
            outcome = try await call(.disconnect(route), in: target)
        } else if let name = sessions[session]?.feeds[sink], name.source == route.source,
            let pipe = sessions[session]?.pipes[name]
        {
            var hop = route
            hop.source = pipe.id
            outcome = try await call(.disconnect(hop), in: target)
            await feed(sink, from: nil, in: session)
        }
        record(.disconnect(route), in: target, of: session)
        return outcome
    }

    /// Notes what feeds the sink now; the pipe that did is told that it no longer does.
    private func feed(_ sink: Sink, from name: PipeBetweenShards?, in session: SessionID) async {
        let former = sessions[session]?.feeds[sink]
        sessions[session]?.feeds[sink] = name
        if let former, former != name { await leave(former, sink, in: session) }
    }

    private func leave(_ name: PipeBetweenShards, _ sink: Sink, in session: SessionID) async {
        sessions[session]?.pipes[name]?.users.remove(sink)
        await settleQuietly(name, in: session)
    }

    /// The endpoint is gone: what it fed and what fed it.
    func forgetEndpoint(_ endpoint: EndpointID, in session: SessionID) async {
        guard let managed = sessions[session] else { return }
        if let shard = managed.shards[endpoint] { displace(endpoint, from: managed.units[shard], in: session) }
        var affected: Set<PipeBetweenShards> = []
        for (sink, name) in managed.feeds where sink.endpoint == endpoint || name.source == endpoint {
            sessions[session]?.feeds[sink] = nil
            sessions[session]?.pipes[name]?.users.remove(sink)
            affected.insert(name)
        }
        for name in managed.pipes.keys where name.source == endpoint {
            sessions[session]?.pipes[name]?.users = []
            affected.insert(name)
        }
        for name in Self.ordered(affected) { await settleQuietly(name, in: session) }
    }

    /// The source has been negotiated, perhaps anew.
    func updatePipes(from endpoint: EndpointID, in session: SessionID) async {
        let names = sessions[session]?.pipes.keys.filter { $0.source == endpoint } ?? []
        for name in Self.ordered(names) { await settleQuietly(name, in: session) }
    }

    /// Pipes whose one end is lost: the other is closed, and who waited for them is told.
    func abandonPipes(
        of session: SessionID, where isLost: (PipeBetweenShards, ManagedSession) -> Bool
    ) {
        guard let managed = sessions[session] else { return }
        let refusal = Refusal(.workerLost, "the worker at the pipe's other end stopped")
        for name in Self.ordered(managed.pipes.keys) where isLost(name, managed) {
            guard let pipe = sessions[session]?.pipes.removeValue(forKey: name) else { continue }
            for waiter in pipe.waiters { waiter.resume(returning: refusal) }
            for (sink, feeder) in managed.feeds where feeder == name { sessions[session]?.feeds[sink] = nil }
            Task { await closeEnds(of: pipe) }
        }
    }

    // MARK: Settling

    private func settleQuietly(_ name: PipeBetweenShards, in session: SessionID) async {
        guard let generation = sessions[session]?.generation else { return }
        do throws(Refusal) {
            try await settle(name, in: session, generation)
        } catch {
            logger.warning(
                "a pipe could not be changed", metadata: ["session": "\(session)", "reason": "\(error.message)"])
        }
    }

    /// Makes the pipe what it is to be. Returns at once for one that is gone.
    private func settle(
        _ name: PipeBetweenShards, in session: SessionID, _ generation: UInt64
    ) async throws(Refusal) {
        while let managed = sessions[session], managed.generation == generation, let pipe = managed.pipes[name] {
            if pipe.isSettling {
                let refusal: Refusal? = await withCheckedContinuation { continuation in
                    guard sessions[session]?.pipes[name]?.isSettling == true else {
                        return continuation.resume(returning: nil)
                    }
                    sessions[session]?.pipes[name]?.waiters.append(continuation)
                }
                if let refusal { throw refusal }
                continue
            }
            guard !pipe.users.isEmpty else {
                sessions[session]?.pipes[name] = nil
                await closeEnds(of: pipe)
                return await notePipes(of: session)
            }
            guard let step = nextStep(of: pipe, name) else { return }
            sessions[session]?.pipes[name]?.isSettling = true
            let refusal = await take(step, pipe, name, in: session, generation)
            if isSame(pipe, name, in: session, generation) {
                let waiters = sessions[session]?.pipes[name]?.waiters ?? []
                sessions[session]?.pipes[name]?.waiters = []
                sessions[session]?.pipes[name]?.isSettling = false
                for waiter in waiters { waiter.resume(returning: refusal) }
            } else {
                // Abandoned meanwhile: what the step opened must not stay.
                await closeEnds(of: pipe)
            }
            if let refusal { throw refusal }
        }
    }

    private func isSame(_ pipe: Pipe, _ name: PipeBetweenShards, in session: SessionID, _ generation: UInt64) -> Bool {
        sessions[session]?.generation == generation && sessions[session]?.pipes[name]?.id == pipe.id
    }

    private enum Step {
        case open([NegotiatedMedia])
        case update(PipeSpecification)
        case route(MediaKind, isWanted: Bool)
    }

    private func nextStep(of pipe: Pipe, _ name: PipeBetweenShards) -> Step? {
        let media = PipeSpecification.sections(
            carrying: units[pipe.source]?.specification.media(of: name.source) ?? [],
            keeping: pipe.specification?.media ?? [], using: &keys)
        guard var specification = pipe.specification else { return .open(media) }
        if specification.media != media {
            specification.media = media
            return .update(specification)
        }
        for kind in MediaKind.allCases where pipe.wantedKinds.contains(kind) != pipe.routed.contains(kind) {
            return .route(kind, isWanted: pipe.wantedKinds.contains(kind))
        }
        return nil
    }

    /// Does one step and notes it; the refusal when a worker did not.
    private func take(
        _ step: Step, _ pipe: Pipe, _ name: PipeBetweenShards, in session: SessionID, _ generation: UInt64
    ) async -> Refusal? {
        var changed = pipe
        do throws(Refusal) {
            switch step {
            case .open(let media):
                changed.specification = try await open(pipe, carrying: media)
            case .update(let specification):
                // First who receives: no packet is to come before its section is known.
                _ = try await call(.openPipe(pipe.id, specification.reversed), in: pipe.target)
                _ = try await call(.openPipe(pipe.id, specification), in: pipe.source)
                changed.specification = specification
            case .route(let kind, let isWanted):
                let route = Route(source: name.source, sink: pipe.id, kind: kind)
                _ = try await call(isWanted ? .connect(route) : .disconnect(route), in: pipe.source)
                if isWanted { changed.routed.insert(kind) } else { changed.routed.remove(kind) }
            }
        } catch {
            return error
        }
        guard isSame(pipe, name, in: session, generation) else { return nil }
        sessions[session]?.pipes[name]?.specification = changed.specification
        sessions[session]?.pipes[name]?.routed = changed.routed
        if case .open = step { await notePipes(of: session) }
        return nil
    }

    /// Opens both ends under fresh keys and shows each the way to the other.
    private func open(
        _ pipe: Pipe, carrying media: [NegotiatedMedia]
    ) async throws(Refusal) -> PipeSpecification {
        var sections = media
        var attempts = Limits.pipeAttempts
        while true {
            let specification = PipeSpecification(
                sendKey: PipeKey(using: &keys), receiveKey: PipeKey(using: &keys),
                localSSRC: PipeSpecification.ssrc(using: &keys),
                remoteSSRC: PipeSpecification.ssrc(using: &keys), media: sections)
            do throws(Refusal) {
                try await open(pipe, under: specification)
                counters.pipesOpened += 1
                return specification
            } catch {
                await closeEnds(of: pipe)
                attempts -= 1
                // Another pipe may have one of the SSRCs: then others will do.
                guard error.reason == .invalid, attempts > 0 else { throw error }
                sections = PipeSpecification.sections(carrying: sections.map(\.asReceived), using: &keys)
            }
        }
    }

    private func open(_ pipe: Pipe, under specification: PipeSpecification) async throws(Refusal) {
        async let sourceEnd = result(of: .openPipe(pipe.id, specification), in: pipe.source)
        async let targetEnd = result(of: .openPipe(pipe.id, specification.reversed), in: pipe.target)
        let outcomes = await (sourceEnd, targetEnd)
        guard case .openedPipe(let near) = try outcomes.0.get(), case .openedPipe(let far) = try outcomes.1.get()
        else { throw Refusal(.timedOut, "a worker does not know pipes") }
        guard let path = PipePath.choose(from: near, to: far) else {
            throw Refusal(.notFound, "the workers at a pipe's ends have no addresses of one family")
        }
        async let sourceWay = result(of: .connectPipe(pipe.id, path), in: pipe.source)
        async let targetWay = result(of: .connectPipe(pipe.id, path.reversed), in: pipe.target)
        let ways = await (sourceWay, targetWay)
        _ = try ways.0.get()
        _ = try ways.1.get()
    }

    /// Of the units that still serve.
    private func closeEnds(of pipe: Pipe) async {
        for unit in [pipe.source, pipe.target] where units[unit]?.isServing == true {
            _ = await result(of: .closeEndpoint(pipe.id), in: unit)
        }
    }

    private static func ordered(_ names: some Sequence<PipeBetweenShards>) -> [PipeBetweenShards] {
        names.sorted { ($0.source.rawValue, $0.shard) < ($1.source.rawValue, $1.shard) }
    }
}

extension NegotiatedMedia {
    /// A pipe's section as if a peer sent it.
    fileprivate var asReceived: NegotiatedMedia {
        NegotiatedMedia(mid: mid, kind: kind, direction: .recvonly, receive: send, send: receive)
    }
}
