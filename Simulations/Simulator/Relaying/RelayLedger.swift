import Wire

/// What came in at one side of a relay and may go out at the other, each once.
struct RelayLedger: Sendable {
    struct Entry: Sendable {
        var peer: SocketAddress
        var bytes: Int
        var hash: UInt64
        /// The peer had a permission when it came.
        var isPermitted: Bool
    }

    /// More than a stream's send buffer holds of small packets, so that what waits there is not forgotten.
    private static let size = 16_384
    private var entries: [Entry] = []
    private var forgotten = 0

    mutating func add(_ peer: SocketAddress, _ payload: ArraySlice<UInt8>, isPermitted: Bool) {
        if entries.count >= Self.size {
            entries.removeFirst(Self.size / 4)
            forgotten += Self.size / 4
        }
        entries.append(
            Entry(
                peer: peer, bytes: payload.count, hash: PayloadHash.of(Array(payload)), isPermitted: isPermitted))
    }

    enum Origin {
        case found(isPermitted: Bool)
        /// It may have been one of those that were forgotten.
        case unknown
        /// Nothing like it came.
        case unsent
    }

    /// Takes what goes out off the list.
    mutating func take(_ peer: SocketAddress, _ payload: ArraySlice<UInt8>) -> Origin {
        let hash = PayloadHash.of(Array(payload))
        guard
            let index = entries.lastIndex(where: {
                $0.hash == hash && $0.bytes == payload.count && $0.peer == peer
            })
        else {
            guard forgotten > 0 else { return .unsent }
            forgotten -= 1
            return .unknown
        }
        let entry = entries.remove(at: index)
        return .found(isPermitted: entry.isPermitted)
    }
}
