package import Reactor
package import Wire

/// What a worker needs of a reactor: `Reactor.Reactor` with its thread in production, one without in the simulator.
package protocol ReactorHandle: Sendable {
    /// Where it listens.
    var addresses: [SocketAddress] { get }
    /// The newest published counters.
    var load: ReactorLoad { get }
    /// False when it takes no more.
    func send(_ command: ReactorCommand) -> Bool
    /// Returns when it has said goodbye to its peers.
    func stop() async
    /// Ends without goodbyes: its peers wait for the next process.
    func leave() async
}

extension Reactor: ReactorHandle {}
