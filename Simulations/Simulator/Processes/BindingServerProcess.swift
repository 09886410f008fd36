public import STUN
public import Wire

/// A STUN server on a host that has its addresses.
public final class BindingServerProcess: Process {
    private let server: BindingServer
    public private(set) var refusals = 0

    public init(_ server: BindingServer) { self.server = server }

    public var deadline: Instant { .distantFuture }

    public func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        guard let endpoint = server.endpoints.firstIndex(of: datagram.destination) else { return }
        do {
            let answer = try unsafe server.answer(datagram.payload.span.bytes, from: datagram.source, at: endpoint)
            output.send(answer.bytes, from: server.endpoints[answer.endpoint], to: answer.destination)
        } catch {
            refusals += 1
        }
    }

    public func advance(to now: Instant, _ output: inout Output) {}
}
