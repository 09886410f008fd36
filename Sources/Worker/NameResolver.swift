import MDNS
import Reactor
import Wire

/// Looks names up by multicast DNS: sockets and time for ``MDNS/Lookups``. No packet and no command waits for it.
actor NameResolver {
    private let loop: MulticastLoop
    private let datagrams: AsyncStream<[UInt8]>
    private var lookups = Lookups()
    private var waiting: [UInt64: CheckedContinuation<IPAddress?, Never>] = [:]
    private var nextToken: UInt64 = 0
    private var isTiming = false
    private var isClosed = false

    /// Asks on the interfaces that have these addresses.
    init(on addresses: [IPAddress]) throws(SystemError) {
        let group = MulticastLoop.Group(ipv4: Message.groupIPv4, ipv6: Message.groupIPv6, port: Message.port)
        let (stream, continuation) = AsyncStream.makeStream(
            of: [UInt8].self, bufferingPolicy: .bufferingNewest(Limits.multicastDatagrams))
        datagrams = stream
        loop = try MulticastLoop(group, addresses: addresses) { continuation.yield($0) }
    }

    /// Reads what comes until the task is cancelled; then nothing is resolved any more.
    func run() async {
        for await datagram in datagrams {
            lookups.receive(unsafe datagram.span.bytes)
            settle()
        }
        isClosed = true
        loop.close()
        for continuation in waiting.values { continuation.resume(returning: nil) }
        waiting = [:]
    }

    /// The address that the link gives the name; nil when nobody answers in time, or too many names are being asked.
    func address(of name: HostName) async -> IPAddress? {
        guard !isClosed else { return nil }
        nextToken += 1
        let token = nextToken
        guard lookups.ask(name, token: token, now: HostClock.now) else { return nil }
        return await withCheckedContinuation { continuation in
            waiting[token] = continuation
            settle()
            startTimer()
        }
    }

    private func settle() {
        while let query = lookups.nextTransmit() { loop.send(query) }
        while let result = lookups.nextResult() {
            waiting.removeValue(forKey: result.token)?.resume(returning: result.ip)
        }
    }

    /// One timer, while there is something to time.
    private func startTimer() {
        guard !isTiming else { return }
        isTiming = true
        Task {
            while !isClosed, let deadline = lookups.nextDeadline {
                try? await Task.sleep(for: .nanoseconds(max(1_000_000, (deadline - HostClock.now).nanoseconds)))
                lookups.advance(to: HostClock.now)
                settle()
            }
            isTiming = false
        }
    }
}
