public import TURN
public import Wire

/// One thread that runs a TURN server (RFC 8656): its core, the UDP sockets to clients, and a socket for each relayed
/// address. Clients over TCP and TLS are somebody else's sockets; their frames come and go as messages.
public final class RelayLoop: Sendable {
    /// What a stream's owner tells.
    public enum StreamInput: Sendable {
        /// Messages and pieces of channel data from a client, what one read brought; ``TURN/StreamFramer`` cuts them
        /// out.
        case frames([[UInt8]], from: Tuple)
        case closed(Tuple)
    }

    /// A message or a piece of channel data for a client.
    public struct StreamOutput: Sendable {
        public var client: Tuple
        public var bytes: [UInt8]
    }

    /// Of a run, all counted since its beginning but the first.
    public struct Statistics: Sendable {
        public var allocations = 0
        /// Datagrams and payload bytes that went to peers and came from them.
        public var toPeers: UInt64 = 0
        public var bytesToPeers: UInt64 = 0
        public var toClients: UInt64 = 0
        public var bytesToClients: UInt64 = 0
        public var drops = DropCounters()
    }

    enum Command: Sendable {
        case stream(StreamInput)
        case statistics(@Sendable (Statistics) -> Void)
        case stop
    }

    /// The listeners as bound.
    public let listeners: [ServerConfiguration.Listener]
    private let mailbox: Mailbox<Command>
    private let ending = Ending()

    /// Binds the listeners that are no streams and starts the thread. `streams` is called on it with what a batch of
    /// datagrams brought for clients over streams, in order, and must not block; false when it took nothing of it.
    public init(
        _ configuration: ServerConfiguration, streams: @escaping @Sendable ([StreamOutput]) -> Bool
    ) throws(SystemError) {
        var configuration = configuration
        var sockets: [UDPSocket?] = []
        for (index, listener) in configuration.listeners.enumerated() {
            let socket = listener.isStream ? nil : try UDPSocket(binding: listener.address)
            if let socket { configuration.listeners[index].address.port = socket.local.port }
            sockets.append(socket)
        }
        listeners = configuration.listeners
        mailbox = try Mailbox(capacity: 4096)
        let start = ThreadStart { [mailbox, ending, configuration, sockets] in
            var world = RelayWorld(configuration, sockets: sockets, wakeUp: mailbox.wakeUp, streams: streams)
            world.run(mailbox)
            ending.end()
        }
        try start.launch(name: "turn")
    }

    /// False when the mailbox is full or the loop has stopped; the stream is then better closed.
    public func send(_ input: StreamInput) -> Bool { mailbox.send(.stream(input)) }

    /// The counters now; nil when the loop has stopped.
    public func statistics() async -> Statistics? {
        await withCheckedContinuation { continuation in
            if !mailbox.send(.statistics { continuation.resume(returning: $0) }) { continuation.resume(returning: nil) }
        }
    }

    /// Ends the thread and returns when its sockets are closed.
    public func stop() async {
        while !ending.isOver, !mailbox.send(.stop) { await Task.yield() }
        await ending.wait()
    }
}
