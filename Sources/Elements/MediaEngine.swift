public import Reactor
public import Session
import Synchronization
import Wire

/// A worker's media plane: players and recorders, each with a thread of its own, beside the reactors' threads and
/// behind them in the scheduler's favour.
public final class MediaEngine: ElementFactory {
    private let policy: ResourcePolicy
    private let running = Mutex(0)

    public init(policy: ResourcePolicy) { self.policy = policy }

    public func open(
        _ specification: ElementSpecification, named name: EndpointID, port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia] {
        let isFull = running.withLock { count in
            guard count < Limits.elements else { return true }
            count += 1
            return false
        }
        guard !isFull else {
            throw Refusal(.overLimit, "this worker carries \(Limits.elements) media elements already")
        }
        do throws(SystemError) {
            switch specification {
            case .player(let specification):
                return try run(PlayerElement(specification, policy: policy, port: port), port)
            case .recorder(let specification):
                return try run(RecorderElement(specification, policy: policy, port: port), port)
            }
        } catch {
            running.withLock { $0 -= 1 }
            throw Refusal(.overLimit, "no thread for another media element: \(error)")
        }
    }

    private func run(_ element: some MediaElement, _ port: ElementPort) throws(SystemError) -> [NegotiatedMedia] {
        try ElementThread.start(named: "apus-element", niceness: Self.niceness) { [self] in
            var element = element
            ElementThread.run(&element, port: port)
            running.withLock { $0 -= 1 }
        }
        return element.media
    }

    /// Forwarding goes first: a reactor that wakes up takes the processor from an encoder.
    private static let niceness: Int32 = 10

    /// Elements that work now.
    public var count: Int { running.withLock { $0 } }
}
