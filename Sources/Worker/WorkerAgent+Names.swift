import Reactor
import Session
import Store

/// Candidates with a name of mDNS in their address's place.
extension WorkerAgent {
    /// Follows a command that a reactor has taken. The reactor ignores names; an address that one turns out to have
    /// goes to it later, as a candidate like any other and under the same rules.
    func resolveNames(_ command: CommandEnvelope) {
        guard let resolver else { return }
        switch command.operation {
        case .addCandidate(let endpoint, let text):
            guard let candidate = NamedCandidate(text), let ticket = names.take(command.session, endpoint) else {
                return
            }
            Task {
                let ip = await resolver.address(of: candidate.name)
                guard names.giveBack(ticket), let ip, let reactor = held[ticket.session]?.reactor else { return }
                let operation = Operation.addCandidate(ticket.endpoint, candidate.at(ip))
                _ = reactors[reactor].send(.perform(operation, session: ticket.session, token: 0))
            }
        case .restartEndpoint(let endpoint, _), .closeEndpoint(let endpoint): names.forget(command.session, endpoint)
        case .closeSession: names.forget(command.session)
        default: break
        }
    }
}
