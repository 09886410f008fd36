import Session
import Transport
import Wire

/// A transport and where it belongs. Lives in place in the reactor's slot table.
struct Peer: ~Copyable {
    let session: SessionID
    let endpoint: EndpointID
    /// As the controller asked for it, to tell a repetition from a change; nil for others than peers.
    var specification: EndpointSpecification?
    /// The same of a pipe; nil for others.
    var pipe: PipeSpecification?
    /// Nil for others than media elements.
    var element: ElementSeat?
    /// Nil for others than endpoints of plain RTP.
    var plain: PlainSeat?
    var transport: MediaTransport
    /// The slab record that a successor would take over.
    let record: SlabHandle
    /// The router's group of the session's endpoints, for who speaks.
    let speakerGroup: UInt32
    /// What a successor is told of it.
    var notes: [ReactorWorld.NoteKind: Journal.Note] = [:]
    /// Addresses that the tuple table leads here from, oldest first.
    var tuples: [Tuple] = []
    /// The pair that media takes, as SDP attribute values.
    var localCandidate: String?
    var remoteCandidate: String?
    var isNegotiated = false
    /// An endpoint of plain RTP, whose RTCP has a way of its own.
    var isPlain = false
    /// Of one: the places of its sockets among the reactor's descriptors, by component; -1 for none.
    var plainSockets: InlineArray<4, Int> = InlineArray(repeating: -1)
    var isConnected = false
    var counters = TransportCounters()
    var data = DataRelay()
}

/// Packets and bytes of one peer, SRTP and handshake alike.
struct TransportCounters {
    var packetsSent: UInt64 = 0
    var packetsReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var packetsDropped: UInt64 = 0
}
