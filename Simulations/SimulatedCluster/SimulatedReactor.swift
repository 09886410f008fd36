import Glibc
@_spi(Simulation) import Reactor
import Session
import Synchronization
import Wire
import Worker

/// A reactor's thread in virtual time: the product's reactor world, which is handed commands, datagrams and the time.
/// Its loop comes round every fifth of a second at least, as the real one does.
final class SimulatedReactor: ReactorHandle, @unchecked Sendable {
    let addresses: [SocketAddress]
    private let node: Node
    private let datagrams: Datagrams
    private let watch: ClusterWatch
    private let output: @Sendable (ReactorOutput) -> Void
    private let worker: WorkerID
    private(set) var driven: DrivenReactor?
    private var timer: VirtualTime.Timer?
    private var nextTurn: UInt64 = .max

    private static let mailboxDelay: UInt64 = 50_000
    private static let round = UInt64.milliseconds(200)

    init(
        _ configuration: ReactorConfiguration, worker: WorkerID, address: SocketAddress, node: Node,
        datagrams: Datagrams, watch: ClusterWatch, output: @escaping @Sendable (ReactorOutput) -> Void
    ) {
        addresses = [address]
        self.worker = worker
        self.node = node
        self.datagrams = datagrams
        self.watch = watch
        self.output = output
        driven = DrivenReactor(configuration, locals: [address], now: Self.now(node))
        datagrams.bind(address, node) { [weak self] bytes, source in self?.receive(bytes, source) }
        turn { reactor, now in reactor.takeOver(now: now) }
        comeRound()
    }

    /// Real clocks never show the origin.
    private static func now(_ node: Node) -> Instant { Instant(nanoseconds: node.time.now + 1_000_000_000) }

    var load: ReactorLoad { driven?.load ?? ReactorLoad() }

    func send(_ command: ReactorCommand) -> Bool {
        guard driven != nil else { return false }
        node.after(Self.mailboxDelay) { [self] in
            watch.obeyed(command, by: worker, node)
            turn { reactor, now in reactor.obey(command, now: now) }
        }
        return true
    }

    func stop() async {
        turn { reactor, now in
            for holding in reactor.holdings {
                reactor.obey(.perform(.closeSession, session: holding.session, token: 0), now: now)
            }
        }
        output(.stopped)
        close()
    }

    func leave() async { close() }

    /// Its thread is no more. What it wrote into its memory stays.
    func close() {
        timer?.cancel()
        for address in addresses { datagrams.unbind(address, node) }
        driven = nil
    }

    private func receive(_ bytes: [UInt8], _ source: SocketAddress) {
        turn { reactor, now in
            reactor.receive(unsafe bytes.span.bytes, from: Tuple(socket: 0, remote: source), now: now)
            reactor.endBatch(now: now)
        }
    }

    private func turn(_ body: (DrivenReactor, Instant) -> Void) {
        guard let reactor = driven else { return }
        let now = Self.now(node)
        reactor.wake(now: now)
        body(reactor, now)
        if reactor.deadline <= now { reactor.advance(to: now) }
        for output in reactor.nextOutputs() {
            if case .event(let event) = output { watch.produced(event, by: worker) }
            self.output(output)
        }
        reactor.drainDepartures { tuple, bytes in
            watch.departs(to: tuple.remote, from: worker)
            let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
            datagrams.send(copy, from: addresses[0], to: tuple.remote)
        }
        schedule(reactor)
    }

    private func schedule(_ reactor: DrivenReactor) {
        let deadline = reactor.deadline
        let next = deadline == .distantFuture ? .max : deadline.nanoseconds - 1_000_000_000
        guard next != nextTurn else { return }
        timer?.cancel()
        nextTurn = next
        guard next < .max else { return }
        timer = node.time.at(next) { [weak self] in
            self?.node.deliver {
                self?.nextTurn = .max
                self?.turn { reactor, now in reactor.advance(to: now) }
            }
        }
    }

    private func comeRound() {
        node.time.after(Self.round) { [weak self] in
            self?.node.deliver {
                guard let self, self.driven != nil else { return }
                self.driven?.wake(now: Self.now(self.node))
                self.deliverWarnings()
                self.comeRound()
            }
        }
    }

    /// What waking up may have come to.
    private func deliverWarnings() {
        guard let reactor = driven else { return }
        for output in reactor.nextOutputs() { self.output(output) }
    }
}
