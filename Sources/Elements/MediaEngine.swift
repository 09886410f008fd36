public import Reactor
public import Session
import Synchronization
import Wire

/// A worker's media plane: players, recorders and filters, each with a thread of its own, beside the reactors' threads and
/// behind them in the scheduler's favour.
public final class MediaEngine: ElementFactory {
    private let policy: ResourcePolicy
    private let running = Mutex(Running())

    private struct Running {
        var ports: [UInt64: ElementPort] = [:]
        var last: UInt64 = 0
    }

    public init(policy: ResourcePolicy) { self.policy = policy }

    public func open(
        _ specification: ElementSpecification, named name: EndpointID, port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia] {
        switch specification {
        case .player(let specification):
            return try run(PlayerElement(specification, policy: policy, port: port), port)
        case .recorder(let specification):
            return try run(RecorderElement(specification, policy: policy, port: port), port)
        case .filter(let specification):
            return try run(FilterElement(specification, policy: policy, port: port), port)
        }
    }

    private func run(_ element: some MediaElement, _ port: ElementPort) throws(Refusal) -> [NegotiatedMedia] {
        let number = running.withLock { running -> UInt64? in
            guard running.ports.count < Limits.elements else { return nil }
            running.last += 1
            running.ports[running.last] = port
            return running.last
        }
        guard let number else {
            throw Refusal(.overLimit, "this worker carries \(Limits.elements) media elements already")
        }
        do throws(SystemError) {
            try ElementThread.start(named: "apus-element", niceness: Self.niceness) { [self] in
                var element = element
                ElementThread.run(&element, port: port)
                forget(number)
            }
        } catch {
            forget(number)
            throw Refusal(.overLimit, "no thread for another media element: \(error)")
        }
        return element.media
    }

    private func forget(_ number: UInt64) { running.withLock { $0.ports[number] = nil } }

    public func close() async {
        for port in running.withLock({ Array($0.ports.values) }) { port.close() }
        let end = ContinuousClock.now + Limits.farewell
        while !running.withLock({ $0.ports.isEmpty }), ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Forwarding goes first: a reactor that wakes up takes the processor from an encoder.
    private static let niceness: Int32 = 10
}
