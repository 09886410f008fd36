import Wire

/// FQ-CoDel (RFC 8290): a queue under CoDel for each flow, which take turns; flows that are new or sparse come first.
public struct FairQueue: Sendable {
    public struct Parameters: Hashable, Sendable {
        public var codel = CoDel.Parameters()
        /// Bytes of a flow's turn.
        public var quantum = 1514
        /// Flows beyond it share queues.
        public var queues = 1024
        /// Packets in all queues together; beyond it, the longest queue loses its oldest.
        public var packets = 10_240

        public init() {}
    }

    private struct Flow: Sendable {
        var queue = PacketQueue()
        var codel: CoDel
        var credit = 0
        var isListed = false

        mutating func next(_ drops: inout [Datagram], now: Instant) -> Datagram? {
            codel.dequeue(&queue, &drops, now: now)
        }
    }

    private let parameters: Parameters
    private let perturbation: UInt64
    private var flows: [Flow]
    private var new: [Int] = []
    private var old: [Int] = []
    private(set) var bytes = 0
    private(set) var count = 0

    init(_ parameters: Parameters, perturbation: UInt64) {
        self.parameters = parameters
        self.perturbation = perturbation
        flows = Array(repeating: Flow(codel: CoDel(parameters.codel)), count: max(parameters.queues, 1))
    }

    var isEmpty: Bool { count == 0 }

    /// Section 4.1.
    mutating func append(_ datagram: Datagram, limit: Int, _ drops: inout [Datagram], now: Instant) {
        let flow = index(datagram)
        flows[flow].queue.append(datagram, now: now)
        bytes += datagram.wireBytes
        count += 1
        if !flows[flow].isListed {
            flows[flow].isListed = true
            flows[flow].credit = parameters.quantum
            new.append(flow)
        }
        while bytes > limit || count > parameters.packets, let dropped = dropFromLongest() { drops.append(dropped) }
    }

    private mutating func dropFromLongest() -> Datagram? {
        // Of equals the first in the lists: the same on every machine.
        var longest: Int?
        for flow in new + old where flows[flow].queue.bytes > longest.map({ flows[$0].queue.bytes }) ?? 0 {
            longest = flow
        }
        guard let longest, let entry = flows[longest].queue.removeFirst() else { return nil }
        bytes -= entry.datagram.wireBytes
        count -= 1
        return entry.datagram
    }

    /// Section 4.2.
    mutating func dequeue(_ drops: inout [Datagram], now: Instant) -> Datagram? {
        while let flow = new.first ?? old.first {
            let isNew = !new.isEmpty
            guard flows[flow].credit > 0 else {
                flows[flow].credit += max(parameters.quantum, 1)
                turnOver(isNew: isNew)
                continue
            }
            let before = (flows[flow].queue.bytes, flows[flow].queue.count)
            let packet = flows[flow].next(&drops, now: now)
            bytes -= before.0 - flows[flow].queue.bytes
            count -= before.1 - flows[flow].queue.count
            if let packet {
                flows[flow].credit -= packet.wireBytes
                return packet
            }
            // An empty new queue waits one turn, so that a flow cannot stay new for ever.
            if isNew {
                turnOver(isNew: true)
            } else {
                old.removeFirst()
                flows[flow].isListed = false
            }
        }
        return nil
    }

    /// The flow whose turn is over goes to the end of the old ones.
    private mutating func turnOver(isNew: Bool) {
        old.append(isNew ? new.removeFirst() : old.removeFirst())
    }

    private func index(_ datagram: Datagram) -> Int {
        var hash = FNV1a()
        hash.add(perturbation)
        hash.add(datagram.transport.rawValue)
        hash.add(datagram.source)
        hash.add(datagram.destination)
        // The upper bits of FNV depend on all of the input, the lower ones less.
        return Int((hash.value >> 32) % UInt64(flows.count))
    }
}
