import Session
import Transport
import Wire

/// The UDP sockets of endpoints of plain RTP, each one component's of one endpoint.
struct PlainSockets {
    /// Whose a socket is.
    struct Place: BitwiseCopyable {
        var slot: Int32
        var component: PlainComponent
    }

    private let ports: ClosedRange<UInt16>?
    /// The index of the first of them among the reactor's descriptors.
    private let first: Int
    private var places: [Place?] = []
    private var sockets: [UDPSocket?] = []
    private var free: [Int] = []
    /// Where among the pairs the search begins: behind the last that was found, so that a port rests before it is
    /// somebody else's, for packets of its former peer may still come.
    private var nextPair: Int

    init(ports: ClosedRange<UInt16>?, first: Int, seed: UInt64) {
        self.ports = ports
        self.first = first
        nextPair = Int(truncatingIfNeeded: seed >> 1)
    }

    /// Whether there are ports to take from.
    var isOffered: Bool { pairs > 0 }

    private var lowest: Int { Int((ports?.lowerBound ?? 0) + (ports?.lowerBound ?? 0) % 2) }
    private var pairs: Int { ports.map { max(0, (Int($0.upperBound) + 1 - lowest) / 2) } ?? 0 }

    /// The endpoint and component of the socket that is `index` among the reactor's descriptors.
    func place(_ index: Int) -> Place? {
        let position = index - first
        return position >= 0 && position < places.count ? places[position] : nil
    }

    /// Binds two ports that follow each other, of which the lower is even (RFC 3550 section 11); nil where there is no
    /// such pair.
    ///
    /// - Parameter port: the lower one, where it must be this.
    mutating func bindPair(on ip: IPAddress, port: UInt16?) -> (rtp: UDPSocket, control: UDPSocket)? {
        if let port { return Self.bind(ip, port) }
        let pairs = pairs
        for _ in 0..<min(pairs, Limits.plainAttempts) {
            nextPair = (nextPair + 1) % pairs
            if let found = Self.bind(ip, UInt16(truncatingIfNeeded: lowest + 2 * nextPair)) { return found }
        }
        return nil
    }

    private static func bind(_ ip: IPAddress, _ port: UInt16) -> (rtp: UDPSocket, control: UDPSocket)? {
        let (control, overflow) = port.addingReportingOverflow(1)
        guard !overflow,
            let rtp = try? UDPSocket(
                binding: SocketAddress(ip: ip, port: port), bufferSize: Limits.plainBuffer),
            let above = try? UDPSocket(
                binding: SocketAddress(ip: ip, port: control), bufferSize: Limits.plainBuffer)
        else { return nil }
        return (rtp, above)
    }

    /// Gives the socket a place: its index among the descriptors, which is the next one or one that was free.
    mutating func insert(_ socket: UDPSocket, _ place: Place) -> Int {
        if let position = free.popLast() {
            sockets[position] = socket
            places[position] = place
            return first + position
        }
        sockets.append(socket)
        places.append(place)
        return first + sockets.count - 1
    }

    /// Closes the socket.
    mutating func remove(_ index: Int) {
        let position = index - first
        sockets[position] = nil
        places[position] = nil
        free.append(position)
    }

    mutating func closeAll() {
        for position in sockets.indices {
            sockets[position] = nil
            places[position] = nil
        }
    }
}

/// An endpoint of plain RTP beside its transport.
struct PlainSeat {
    /// As it was asked for.
    let specification: PlainSpecification
    let opened: OpenedPlain
    /// The record of the video section; that of audio is the endpoint's own.
    let companion: SlabHandle
    /// Of the sections.
    var audioMID = ""
    var videoMID = ""
}
