public import Session
import Store

// Operations and their replies.
extension Director {
    /// Two operations that are asked for at the same time may reach the worker in either order; one that
    /// follows another's outcome follows it there too.
    public func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        guard let managed = sessions[session], managed.units.contains(where: { units[$0]?.assignment != nil })
        else { throw Self.notOpen(session) }
        if managed.isLost, let assignment = units[session]?.assignment { throw Self.lossRefusal(assignment) }
        switch operation {
        case .openEndpoint(let endpoint, _):
            return try await openEndpoint(endpoint, operation, in: session)
        case .openPlain(let endpoint, _):
            return try await openEndpoint(endpoint, operation, in: session)
        case .negotiateEndpoint(let endpoint, _), .negotiatePlain(let endpoint, _):
            let outcome = try await forward(operation, of: endpoint, in: session)
            await updatePipes(from: endpoint, in: session)
            return outcome
        case .addCandidate(let endpoint, _), .restartEndpoint(let endpoint, _), .selectLayers(let endpoint, _),
            .requestKeyFrame(let endpoint), .readStatistics(let endpoint):
            return try await forward(operation, of: endpoint, in: session)
        case .connect(let route):
            return try await connect(route, in: session)
        case .disconnect(let route):
            return try await disconnect(route, in: session)
        case .connectData(let route), .disconnectData(let route):
            guard try unit(of: route.source, in: session) == unit(of: route.sink, in: session) else {
                throw Refusal(.invalid, "data channels of endpoints on different workers cannot be connected yet")
            }
            return try await forward(operation, of: route.sink, in: session)
        case .openDataChannel(let endpoint, _), .closeDataChannel(let endpoint, _):
            return try await forward(operation, of: endpoint, in: session)
        case .openElement(let endpoint, _):
            return try await openEndpoint(endpoint, operation, in: session)
        case .commandElement(let endpoint, _), .readElement(let endpoint):
            return try await forward(operation, of: endpoint, in: session)
        case .closeEndpoint(let endpoint):
            return try await closeEndpoint(endpoint, in: session)
        case .closeSession:
            for unit in managed.units where units[unit]?.isServing == true {
                _ = try await call(operation, in: unit)
                record(operation, in: unit, of: session)
            }
            return .done
        case .openPipe, .connectPipe, .attend:
            throw Refusal(.invalid, "pipes between shards, and who attends, are the controller's alone")
        }
    }

    private func forward(
        _ operation: Operation, of endpoint: EndpointID, in session: SessionID
    ) async throws(Refusal) -> Outcome {
        let unit = try unit(of: endpoint, in: session)
        let outcome = try await call(operation, in: unit)
        record(operation, in: unit, of: session)
        return outcome
    }

    private func closeEndpoint(_ endpoint: EndpointID, in session: SessionID) async throws(Refusal) -> Outcome {
        let unit = try unit(of: endpoint, in: session)
        // With a shard that is lost its endpoints are closed already.
        if units[unit]?.isLost != true {
            do throws(Refusal) {
                _ = try await call(.closeEndpoint(endpoint), in: unit)
            } catch {
                guard Self.mayHaveHappened(error) else { throw error }
                // Closing is what whoever asked will not ask for again.
                unclosed[unit, default: []].insert(endpoint)
            }
        }
        // Routes from it end in other shards as well.
        for unit in sessions[session]?.units ?? [] { record(.closeEndpoint(endpoint), in: unit, of: session) }
        await forgetEndpoint(endpoint, in: session)
        return .done
    }

    /// Whether the worker may have done, or may yet do, what was refused so: nobody knows.
    static func mayHaveHappened(_ refusal: Refusal) -> Bool {
        refusal.reason == .timedOut || refusal.reason == .storeUnavailable
    }

    /// Has the workers close what they could not be told to close before. Work of its own: a worker that does not
    /// answer holds up no other chore.
    func closeEndpoints() {
        unclosed = unclosed.filter { units[$0.key]?.isServing == true }
        guard !unclosed.isEmpty, !isClosingEndpoints else { return }
        isClosingEndpoints = true
        let all = unclosed.sorted { $0.key.rawValue < $1.key.rawValue }
        Task {
            defer { isClosingEndpoints = false }
            for (unit, endpoints) in all {
                for endpoint in endpoints.sorted(by: { $0.rawValue < $1.rawValue }) {
                    guard unclosed[unit]?.contains(endpoint) == true else { continue }
                    if case .failure(let refusal) = await result(of: .closeEndpoint(endpoint), in: unit),
                        Self.mayHaveHappened(refusal)
                    {
                        break
                    }
                    unclosed[unit]?.remove(endpoint)
                    if unclosed[unit]?.isEmpty == true { unclosed[unit] = nil }
                }
            }
        }
    }

    /// Has the unit's worker do one operation.
    func call(_ operation: Operation, in unit: SessionID) async throws(Refusal) -> Outcome {
        guard let assignment = units[unit]?.assignment else { throw Self.notOpen(unit) }
        guard units[unit]?.isLost == false else { throw Self.lossRefusal(assignment) }
        guard calls.count < Limits.openCalls else {
            throw Refusal(.overLimit, "too many operations wait for replies; try again later")
        }
        let command = nextCommand(operation, in: assignment, deadline: settings.operationDeadline)
        calls[command.id] = Call(unit: unit)
        counters.operations += 1
        let timer = Task { [settings, clock] in
            guard (try? await clock.sleep(settings.operationDeadline)) != nil else { return }
            self.expire(command.id, assignment)
        }
        defer { timer.cancel() }
        do throws(StoreError) {
            try await store.send(command, to: assignment.worker)
        } catch {
            calls[command.id] = nil
            counters.operationsRefused += 1
            throw Self.refusal(error)
        }
        switch await reply(to: command.id) {
        case .success(.refused(let refusal)), .failure(let refusal):
            counters.operationsRefused += 1
            throw refusal
        case .success(let outcome):
            return outcome
        }
    }

    /// As ``call(_:in:)``, for several at a time.
    func result(of operation: Operation, in unit: SessionID) async -> Result<Outcome, Refusal> {
        do throws(Refusal) {
            return .success(try await call(operation, in: unit))
        } catch {
            return .failure(error)
        }
    }

    func reply(to id: CommandID) async -> Result<Outcome, Refusal> {
        if case .finished(let result) = calls[id]?.state {
            calls[id] = nil
            return result
        }
        return await withCheckedContinuation { continuation in
            guard calls[id] != nil else {
                return continuation.resume(returning: .failure(Refusal(.timedOut, "the controller is shutting down")))
            }
            calls[id]?.state = .waiting(continuation)
        }
    }

    /// Ends the call, once; a reply that nobody waits for has no effect.
    func finish(_ id: CommandID, _ result: Result<Outcome, Refusal>) {
        switch calls[id]?.state {
        case .sending:
            calls[id]?.state = .finished(result)
        case .waiting(let continuation):
            calls[id] = nil
            continuation.resume(returning: result)
        case .finished, nil:
            break
        }
    }

    private func expire(_ id: CommandID, _ assignment: Assignment) {
        guard calls[id] != nil, settings.planted != .callsNotExpired else { return }
        counters.operationsTimedOut += 1
        finish(id, .failure(Refusal(.timedOut, "worker \(assignment.worker) did not answer in time")))
    }

    func failCalls(of unit: SessionID, _ refusal: Refusal) {
        let failed = calls.filter { $0.value.unit == unit }.keys.sorted { $0.rawValue < $1.rawValue }
        for id in failed { finish(id, .failure(refusal)) }
    }

    static func lossRefusal(_ assignment: Assignment) -> Refusal {
        Refusal(.workerLost, "worker \(assignment.worker) stopped; open a new session")
    }

    static func notOpen(_ session: SessionID) -> Refusal {
        Refusal(.notFound, "session \(session) is not open")
    }

    /// Notes what the unit's worker has done.
    func record(_ operation: Operation, in unit: SessionID, of session: SessionID) {
        guard var specification = units[unit]?.specification, units[unit]?.session == session else { return }
        specification.apply(operation)
        guard specification != units[unit]?.specification else { return }
        units[unit]?.specification = specification
        units[unit]?.isDirty = true
    }
}
