import DTLS
import Reactor
import Session
import Settings
import Wire
import Worker

/// Owns what a ``WorkerEstate`` tells of: closed when this object goes.
final class WorkerHoldings: Sendable {
    let estate: WorkerEstate
    let reactors: [ReactorMemory]
    let worker: WorkerMemory
    private let sockets: [[UDPSocket]]
    private let streams: StreamListener?
    private let uploads: StreamListener?

    /// Binds the ports and makes the memory of a new worker.
    init(_ id: WorkerID, index: Int, settings: ClusterSettings) throws {
        let configuration = try WorkerAssembly.configuration(id: id, index: index, settings: settings)
        let first = configuration.reactors[0]
        worker = WorkerMemory()
        reactors = configuration.reactors.map { ReactorMemory(capacity: $0.peerLimit) }
        sockets = try configuration.reactors.map { try Reactor.bind($0) }
        streams = first.streams
        uploads = try WorkerAssembly.uploads(index: index, settings: settings)
        estate = WorkerEstate(
            incarnation: configuration.incarnation, certificate: try first.certificate.exported(),
            addresses: first.addresses.map(\.description), sockets: sockets.map { $0.map(\.descriptor) },
            memories: reactors.map(\.descriptor), listeners: streams?.descriptors ?? [],
            uploadListeners: uploads?.descriptors ?? [],
            workerMemory: worker.descriptor)
    }

    /// What a guardian before this one left.
    init(inherited estate: WorkerEstate, settings: ClusterSettings) throws {
        self.estate = estate
        let capacity = settings.limits.endpointsPerReactor
        let memories = estate.memories.compactMap { ReactorMemory(adopting: $0, capacity: capacity) }
        guard memories.count == estate.memories.count, let worker = WorkerMemory(adopting: estate.workerMemory) else {
            throw CommandFailure("the worker's memory cannot be taken over")
        }
        self.worker = worker
        reactors = memories
        // Only passed on: they stay open with the process.
        sockets = []
        streams = nil
        uploads = nil
    }
}
