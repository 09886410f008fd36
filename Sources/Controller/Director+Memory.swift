import Logging
public import Session
import Store

// What front doors have to remember beyond this process.
extension Director: SignalingMemory {
    public func keep(
        _ changes: RecordChanges, in record: String, about session: SessionID?
    ) async throws(RecordFailure) {
        // First what the record builds on. A large session's follows within a quarter of a second.
        for unit in session.flatMap({ sessions[$0]?.units }) ?? [] {
            guard let held = units[unit], held.isDirty, held.isServing,
                held.specification.names.count <= Limits.endpointsWrittenAhead
            else { continue }
            guard await writeSpecification(of: unit) else { throw .unavailable }
        }
        do throws(StoreError) {
            terms[record] = try await store.save(changes, in: record, by: id, term: terms[record])
        } catch {
            switch error {
            case .notFound:
                terms[record] = nil
                throw .missing
            case .staleEpoch, .held, .conflict:
                terms[record] = nil
                throw .taken
            case .tooLarge: throw .tooLarge
            default: throw .unavailable
            }
        }
    }

    public func claim(_ record: String, isPatient: Bool) async throws(Refusal) -> [String: String]? {
        let deadline = clock.now().advanced(by: isPatient ? settings.claimPatience : .zero)
        while true {
            do throws(StoreError) {
                let claimed = try await store.claim(record, by: id)
                terms[record] = claimed.term
                return claimed.texts
            } catch {
                switch error {
                case .notFound: return nil
                case .held where clock.now() < deadline: break
                default: throw Self.refusal(error)
                }
            }
            try? await clock.sleep(.milliseconds(50))
        }
    }

    public func forget(_ record: String) async {
        guard let term = terms.removeValue(forKey: record) else { return }
        try? await store.forget(record, by: id, term: term)
    }

    public func giveUp(_ records: [String], with sessions: [SessionID]) async {
        var held: [String: Epoch] = [:]
        for record in records + sessions.map(Self.record(ofPipes:)) {
            held[record] = terms.removeValue(forKey: record)
        }
        var units: [SessionID] = []
        for session in sessions { units += self.sessions[session]?.units ?? [] }
        for session in sessions { await disown(session) }
        try? await store.giveUp(held, with: units, by: id)
    }

    public func onLapse(_ check: @escaping @Sendable () async -> Void) { lapseChecks.append(check) }

    public func onWanted(_ give: @escaping @Sendable (String) async -> Void) { giver = give }

    // MARK: Pipes

    /// A pipe's keys are in no store. Whoever takes the session over makes other pipes and closes those noted here.
    func notePipes(of session: SessionID) async {
        guard let pipes = sessions[session]?.pipes.values.filter({ $0.specification != nil }) else { return }
        let text = pipes.map { "\($0.id) \($0.source) \($0.target)" }.sorted().joined(separator: "\n")
        let record = Self.record(ofPipes: session)
        do throws(RecordFailure) {
            try await keep(RecordChanges(["pipes": text], isWhole: true), in: record, about: nil)
        } catch {
            // One that the store has lost is made again at once; while it is away the next round does it.
            if error == .missing {
                try? await keep(RecordChanges(["pipes": text], isWhole: true), in: record, about: nil)
            }
        }
    }

    /// Records must not pass away.
    func noteAllPipes() async {
        for (session, managed) in sessions.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where managed.units.count > 1 {
            await notePipes(of: session)
        }
    }

    /// The ends of pipes that whoever had the session left: unit and name.
    func notedPipes(of session: SessionID) async -> [(unit: SessionID, pipe: EndpointID)] {
        let record = Self.record(ofPipes: session)
        guard let text = (try? await claim(record, isPatient: false))?["pipes"] else { return [] }
        return text.split(separator: "\n").flatMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.count == 3 ? words.dropFirst().map { (SessionID($0), EndpointID(words[0])) } : []
        }
    }

    static func record(ofPipes session: SessionID) -> String { "pipes:\(session)" }
}
