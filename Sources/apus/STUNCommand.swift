import ArgumentParser
import Foundation
import STUN
import Wire

/// `apus stun`: a STUN server.
struct STUNCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stun", abstract: "Run a STUN server, for clients to find out about their NAT.",
        discussion: """
            Examples:
              apus stun --listen 203.0.113.1:3478
              apus stun --listen 203.0.113.1:3478 --alternate 203.0.113.2:3479
            With a second address and port it also answers the tests of RFC 5780, which `apus nat` makes. Ctrl-C ends
            it.
            """)

    @Option(help: "Address and port to answer at.") var listen = "0.0.0.0:3478"
    @Option(help: "Another address and another port of this host.") var alternate: String?

    func run() async throws {
        guard let first = SocketAddress(listen) else { throw ValidationError("--listen takes address:port") }
        let server: BindingServer
        if let alternate {
            guard let second = SocketAddress(alternate), second.ip != first.ip, second.port != first.port,
                !first.ip.isUnspecified, !second.ip.isUnspecified, first.ip.isIPv4 == second.ip.isIPv4
            else {
                throw ValidationError(
                    "--alternate takes address:port with another address and another port than --listen, both of one "
                        + "family and neither 0.0.0.0")
            }
            server = BindingServer(addresses: (first.ip, second.ip), ports: (first.port, second.port))
        } else {
            server = BindingServer(endpoints: [first])
        }
        let sockets: DatagramSockets
        do {
            sockets = try DatagramSockets(binding: server.endpoints)
        } catch {
            throw CommandFailure("\(listen) or \(alternate ?? "its alternate") cannot be bound: \(error)")
        }
        Terminal.line("STUN at \(server.endpoints.map(\.description).joined(separator: ", "))")
        try await runUntilSignal {
            for await arrival in sockets.arrivals {
                guard
                    let answer = try? unsafe server.answer(
                        arrival.bytes.span.bytes, from: arrival.source, at: arrival.socket)
                else { continue }
                sockets.send(answer.bytes, from: answer.endpoint, to: answer.destination)
            }
        }
        sockets.close()
    }
}
