import CLinux
import DTLS
import Foundation
import Reactor
import Session
import Settings
import Wire
import Worker

/// What a worker has that outlives its processes: sockets, memory and the certificate. The first process of the family
/// makes it, `apus up` or else `apus worker`, and every later one finds it under descriptors of its own.
struct WorkerEstate: Codable {
    var incarnation: String
    var certificate: Certificate.Exported
    var addresses: [String]
    /// Of each reactor, one socket for each address.
    var sockets: [[Int32]]
    var memories: [Int32]
    /// TCP listeners, one for each address; empty for none.
    var listeners: [Int32]
    /// The same, for uploads by HTTP; nil from a guardian that knew of none.
    var uploadListeners: [Int32]?
    var workerMemory: Int32

    /// The estate is the first descriptor behind standard error, and tells of the others.
    static let descriptor: Int32 = 3

    /// All descriptors that a media process is given, in the order of their numbers there.
    private var inherited: [Int32] {
        sockets.flatMap { $0 } + memories + listeners + (uploadListeners ?? []) + [workerMemory]
    }

    /// The same with the numbers that a media process has them under.
    private func renumbered() -> WorkerEstate {
        var next = Self.descriptor + 1
        func take(_ count: Int) -> [Int32] {
            defer { next += Int32(count) }
            return (0..<Int32(count)).map { next + $0 }
        }
        var copy = self
        copy.sockets = sockets.map { take($0.count) }
        copy.memories = take(memories.count)
        copy.listeners = take(listeners.count)
        copy.uploadListeners = uploadListeners.map { take($0.count) }
        copy.workerMemory = take(1)[0]
        return copy
    }

    /// A memory file with the estate in it, and the descriptors that go with it.
    func handedOver() throws -> (file: MemoryFile, descriptors: [Int32]) {
        let data = try JSONEncoder().encode(renumbered())
        let file = MemoryFile(byteCount: data.count + 8)
        unsafe file.bytes.storeBytes(of: UInt64(data.count), as: UInt64.self)
        for (index, byte) in data.enumerated() { unsafe file.bytes[8 + index] = byte }
        return (file, [file.descriptor] + inherited)
    }

    /// Set by tests of whole clusters only.
    private static var hasTestFaults: Bool { ProcessInfo.processInfo.environment["APUS_TEST_FAULTS"] == "yes" }

    /// What this process was given.
    static func received() throws -> WorkerEstate {
        guard let head = MemoryFile(adopting: apus_duplicate(descriptor), byteCount: 8) else {
            throw CommandFailure("only the process that made a worker's sockets can hand them over")
        }
        let count = unsafe Int(clamping: head.bytes.load(as: UInt64.self))
        guard count < 1 << 20, let file = MemoryFile(adopting: apus_duplicate(descriptor), byteCount: 8 + count) else {
            throw CommandFailure("what was left for this process cannot be read")
        }
        let data = unsafe Data(file.bytes[8..<(8 + count)])
        return try JSONDecoder().decode(WorkerEstate.self, from: data)
    }

    /// Whether this program and these settings could go on with what is there. Changes nothing.
    func fits(_ settings: ClusterSettings) -> Bool {
        memories.count == settings.workers.reactors
            && memories.allSatisfy { ReactorMemory.fits($0, capacity: settings.limits.endpointsPerReactor) }
    }

    /// The port for uploads; nil for none.
    var uploads: StreamListener? {
        uploadListeners.flatMap { descriptors in
            descriptors.isEmpty
                ? nil : StreamListener(adopting: descriptors, ips: addresses.compactMap { IPAddress($0) })
        }
    }

    /// The media process's configuration.
    func configuration(id: WorkerID, index: Int, settings: ClusterSettings) throws -> WorkerConfiguration {
        let ips = addresses.compactMap { IPAddress($0) }
        let certificate = try Certificate(certificate)
        var configuration = try WorkerAssembly.configuration(
            id: id, addresses: ips, certificate: certificate, settings: settings)
        configuration.incarnation = incarnation
        configuration.memory = WorkerMemory(adopting: workerMemory)
        let streams = listeners.isEmpty ? nil : StreamListener(adopting: listeners, ips: ips)
        for reactor in configuration.reactors.indices {
            let adopted = zip(sockets[reactor], ips).compactMap { UDPSocket(adopting: $0, ip: $1) }
            guard adopted.count == ips.count,
                let memory = ReactorMemory(
                    adopting: memories[reactor], capacity: configuration.reactors[reactor].peerLimit)
            else { throw CommandFailure("the worker's sockets or memory cannot be taken over") }
            configuration.reactors[reactor].sockets = adopted
            configuration.reactors[reactor].memory = memory
            configuration.reactors[reactor].codec = .json
            configuration.reactors[reactor].streams = streams
            configuration.reactors[reactor].hasTestFaults = Self.hasTestFaults
        }
        return configuration
    }
}
