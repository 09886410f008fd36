public import Session
import Store

// Operations and their replies.
extension Director {
    /// Two operations that are asked for at the same time may reach the worker in either order; one that
    /// follows another's outcome follows it there too.
    public func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        guard let managed = sessions[session], let assignment = managed.assignment else {
            throw Refusal(.notFound, "session \(session) is not open")
        }
        guard !managed.isLost else { throw Self.lossRefusal(assignment) }
        guard calls.count < Limits.openCalls else {
            throw Refusal(.overLimit, "too many operations wait for replies; try again later")
        }
        let command = nextCommand(operation, in: assignment, deadline: settings.operationDeadline)
        calls[command.id] = Call(session: session)
        counters.operations += 1
        let timer = Task { [settings] in
            guard (try? await Task.sleep(for: settings.operationDeadline)) != nil else { return }
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
            if sessions[session]?.generation == managed.generation { record(operation, in: session) }
            return outcome
        }
    }

    private func reply(to id: CommandID) async -> Result<Outcome, Refusal> {
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
        guard calls[id] != nil else { return }
        counters.operationsTimedOut += 1
        finish(id, .failure(Refusal(.timedOut, "worker \(assignment.worker) did not answer in time")))
    }

    func failCalls(of session: SessionID, _ refusal: Refusal) {
        for (id, call) in calls where call.session == session { finish(id, .failure(refusal)) }
    }

    static func lossRefusal(_ assignment: Assignment) -> Refusal {
        Refusal(.workerLost, "worker \(assignment.worker) stopped; open a new session")
    }

    private func record(_ operation: Operation, in session: SessionID) {
        guard var specification = sessions[session]?.specification else { return }
        specification.apply(operation)
        guard specification != sessions[session]?.specification else { return }
        sessions[session]?.specification = specification
        sessions[session]?.isDirty = true
    }
}
