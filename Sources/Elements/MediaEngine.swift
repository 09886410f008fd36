public import Reactor
public import Session
import Synchronization
import Wire

/// A worker's media plane: players, recorders, filters and hubs, each with a thread of its own, beside the reactors'
/// threads and behind them in the scheduler's favour.
public final class MediaEngine: ElementFactory {
    private let policy: ResourcePolicy
    private let running = Mutex(Running())
    private let hubs = HubTable()

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
        case .composite(let specification):
            return try run(CompositeElement(specification, hub: hubs[name], port: port), port)
        case .alphaBlending:
            return try run(CompositeElement(blendingIn: hubs[name], port: port), port)
        case .hubPort(let specification):
            let hub = hubs[specification.hub]
            return try run(
                HubPortElement(specification, named: name, hub: hub, port: port), port, niceness: Self.talkNiceness)
        }
    }

    private func run(
        _ element: some MediaElement, _ port: ElementPort, niceness: Int32 = niceness
    ) throws(Refusal) -> [NegotiatedMedia] {
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
            try ElementThread.start(named: "apus-element", niceness: niceness) { [self] in
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
    /// What people hear of each other goes before what is encoded or written.
    private static let talkNiceness: Int32 = 5
}
