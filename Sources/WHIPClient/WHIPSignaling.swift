public import LoadGenerator
import NIOHTTP1
import NIOPosix
import Wire

/// Brings the generator's clients in by WHIP (RFC 9725) and WHEP.
public final class WHIPSignaling: LoadSignaling {
    private let server: ServerURL
    private let plan: LoadPlan
    private let room: String
    private let token: String?
    private let requester: HTTPRequester

    /// - Parameters:
    ///   - plan: says who is in which room; where there are several, a number from 1 ends their names.
    ///   - room: percent-encoded into the path `/whip/{room}`.
    ///   - token: sent as `Authorization: Bearer`.
    ///   - acceptsAnyCertificate: for servers with a self-signed certificate.
    /// - Throws: when TLS cannot be set up.
    public init(
        _ server: ServerURL, plan: LoadPlan, room: String, token: String? = nil, acceptsAnyCertificate: Bool = false
    ) throws {
        self.server = server
        self.plan = plan
        self.room = Self.percentEncoded(room)
        self.token = token
        requester = try HTTPRequester(server, acceptsAnyCertificate: acceptsAnyCertificate)
    }

    /// Ends the event loop; no call comes after it.
    public func shutDown() async { await requester.shutDown() }

    public func publish(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        try await join(client, "/whip/\(room)\(suffix(plan.room(ofPublisher: number)))")
    }

    public func subscribe(_ client: ClientNegotiation, number: Int) async throws -> any SignaledSession {
        try await join(client, "/whep/\(room)\(suffix(plan.room(ofSubscriber: number)))")
    }

    public func rejoin(
        _ client: ClientNegotiation, after former: any SignaledSession, _ notice: SessionNotice?
    ) async throws -> any SignaledSession {
        guard let resource = former as? Resource else { throw HTTPFailure("this client was brought in by another way") }
        return try await join(client, notice?.place.flatMap { server.path(of: $0) } ?? resource.endpoint)
    }

    private func suffix(_ number: Int) -> String { plan.rooms > 1 ? "-\(number + 1)" : "" }

    private func join(_ client: ClientNegotiation, _ path: String) async throws -> any SignaledSession {
        let response: HTTPRequester.Response
        do {
            response = try await requester.send(
                .POST, path, headers: [("Content-Type", "application/sdp")] + authorization, body: client.offer())
        } catch let failure as HTTPFailure {
            throw failure
        } catch is NIOConnectionError {
            throw HTTPFailure("nobody listens at \(server); is the server up, and is it the right --url?")
        } catch {
            throw HTTPFailure("\(server) does not answer: \(error)")
        }
        switch response.status {
        case 201: break
        case 429, 503:
            let delay = response.retryAfter.map { Interval.seconds(min(max($0, 0), Limits.retryAfter)) }
            throw SignalingRetry(Self.refusal(response, path), after: delay ?? .milliseconds(200))
        default: throw HTTPFailure(Self.refusal(response, path))
        }
        guard let location = response.location, let resource = server.path(of: location) else {
            throw HTTPFailure("POST \(path): 201 without a Location on this server (RFC 9725 section 4.2)")
        }
        do {
            try client.accept(answer: response.body)
        } catch {
            // The server holds a session that nobody will use.
            await delete(resource)
            throw error
        }
        let endpoint = String(path.prefix { $0 != "?" })
        return Resource(signaling: self, path: resource, endpoint: endpoint, events: eventsPath(response.links))
    }

    private static func refusal(_ response: HTTPRequester.Response, _ path: String) -> String {
        let hint =
            switch response.status {
            case 401, 403: " (give --token)"
            case 404: " (does this server speak WHIP and WHEP?)"
            default: ""
            }
        let text = response.body.prefix(200).filter { !$0.isNewline }
        return "POST \(path): status \(response.status)\(hint)\(text.isEmpty ? "" : ": \(text)")"
    }

    private var authorization: [(String, String)] { token.map { [("Authorization", "Bearer \($0)")] } ?? [] }

    fileprivate func delete(_ path: String) async {
        _ = try? await requester.send(.DELETE, path, headers: authorization, body: "")
    }

    /// Of the `Link` headers, the one for server-sent events.
    private func eventsPath(_ links: [String]) -> String? {
        for link in links where link.contains("server-sent-events\"") {
            guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end else {
                continue
            }
            return server.path(of: String(link[link.index(after: start)..<end]))
        }
        return nil
    }

    /// Listens until the resource is gone, also beyond a connection that breaks.
    fileprivate func notices(_ path: String) -> AsyncStream<SessionNotice> {
        AsyncStream { continuation in
            let task = Task {
                while !Task.isCancelled {
                    let status = try? await requester.listen(path, headers: authorization) { name, data in
                        if name == "reconnect" { continuation.yield(ReconnectEvent.notice(data)) }
                    }
                    if status == 404 || status == 410 {
                        // Whether media still flows nobody can say, so nothing is given up for it.
                        continuation.yield(SessionNotice(hasMedia: true))
                        return continuation.finish()
                    }
                    try? await Task.sleep(for: .milliseconds(Int64.random(in: 300...1_000)))
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// All but unreserved characters (RFC 3986 section 2.3).
    static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return result
    }

    private struct Resource: SignaledSession {
        let signaling: WHIPSignaling
        let path: String
        /// Where it came in.
        let endpoint: String
        let events: String?

        func close() async { await signaling.delete(path) }

        func notices() -> AsyncStream<SessionNotice> {
            guard let events else { return AsyncStream { _ in } }
            return signaling.notices(events)
        }
    }
}
