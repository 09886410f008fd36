import Glibc
import Reactor
import Session
import Wire

/// What one kind of media element does, on its thread.
protocol MediaElement {
    /// What it sends and takes.
    var media: [NegotiatedMedia] { get }
    /// Does it, or says why not.
    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome
    /// A message of a data channel that was routed here.
    mutating func hear(_ message: String, now: Instant)
    /// An RTP or RTCP packet that was routed here.
    mutating func receive(_ packet: RawSpan, now: Instant)
    /// What is due.
    mutating func advance(to now: Instant)
    /// When something is due next.
    var deadline: Instant { get }
    var status: ElementStatus { get }
    /// What its owner is to hear since the last call, after the state that goes with it.
    mutating func takeReports() -> [ElementOutput]
    /// The end: whatever is open is closed.
    mutating func finish(now: Instant)
}

extension MediaElement {
    /// Most have nothing to do with data channels.
    mutating func hear(_ message: String, now: Instant) {}
}

/// The life of an element's thread.
enum ElementThread {
    static func start(named name: String, niceness: Int32, _ body: @escaping () -> Void) throws(SystemError) {
        try ThreadStart {
            // Linux gives threads priorities of their own.
            _ = setpriority(__priority_which_t(0), 0, niceness)
            body()
        }.launch(name: name)
    }

    /// Until the element is to end.
    static func run(_ element: inout some MediaElement, port: ElementPort) {
        var packets = PacketBatch()
        var isOpen = true
        var shown = element.status
        port.publish(shown)
        while isOpen {
            let wait = min(element.deadline - HostClock.now, Limits.longestSleep)
            var outcomes: [(Outcome, UInt64)] = []
            isOpen = port.receive(into: &packets, waitingAtMost: max(wait, .zero)) { request in
                switch request {
                case .command(let command, let token):
                    outcomes.append((element.obey(command, now: HostClock.now), token))
                case .message(let text): element.hear(text, now: HostClock.now)
                }
            }
            let now = HostClock.now
            packets.forEach { element.receive($0, now: now) }
            element.advance(to: HostClock.now)
            let status = element.status
            if status != shown {
                port.publish(status)
                if status.state != shown.state { port.send(.stateChanged(status.state)) }
                shown = status
            }
            for report in element.takeReports() { port.send(report) }
            for (outcome, token) in outcomes { port.send(.outcome(outcome, token: token)) }
        }
        element.finish(now: HostClock.now)
    }
}
