import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
public import Session
import Synchronization
public import WHIP

/// The front door: HTTP/1.1 and WebSocket on the same ports.
///
/// `run()` serves until its task is cancelled, or until a graceful shutdown of the service group that
/// runs it; WebSockets are then closed with 1001.
public final class SignalingServer: Sendable {
    private struct Ports {
        var bound: [Int?]
        var isOver = false
        var waiting: [CheckedContinuation<[Int], any Error>] = []
    }

    private let configuration: SignalingConfiguration
    private let contexts: [TLSConfiguration?]
    private let front: FrontChannel
    private let logger: Logger
    private let ports: Mutex<Ports>

    /// - Parameters:
    ///   - webSockets: handlers by path.
    ///   - gateway: serves WHIP and WHEP; nil leaves them out.
    ///   - control: does what operators ask for; nil leaves that out.
    ///   - neighbours: where the HTTP of another controller is reached, to pass on what is about its rooms; nil answers
    ///     such requests with 503.
    /// - Throws: ``SignalingError`` when a certificate or the page's directory cannot be used.
    public init(
        configuration: SignalingConfiguration, webSockets: [String: any WebSocketHandler],
        gateway: Gateway? = nil, status: any StatusSource, control: (any ClusterControl)? = nil,
        neighbours: (@Sendable (ControllerID) async -> [String])? = nil, logger: Logger
    ) throws {
        self.configuration = configuration
        self.logger = logger
        let limits = configuration.limits.fitted()
        if limits.connections < configuration.limits.connections {
            logger.warning(
                "the limit on open files allows fewer connections than configured; raise it with ulimit -n",
                metadata: ["connections": "\(limits.connections)"])
        }
        let budget = ConnectionBudget(limits: limits)
        let routes = WebSocketRoutes(webSockets, allowedOrigins: configuration.allowedOrigins)
        var files = try configuration.webDirectory.map { try StaticFiles(directory: $0) } ?? StaticFiles()
        if let pages = configuration.pagesDirectory { try files.add(directory: pages, policy: .foreign) }
        let http = HTTPRoutes(
            files: files, status: status, webSockets: routes, budget: budget,
            kurentoPath: String(configuration.kurentoPath.drop { $0 == "/" }),
            gateway: gateway.map {
                GatewayRoutes(
                    gateway: $0, webSockets: routes, limits: limits, budget: budget,
                    forwarder: neighbours.map { GatewayForwarder(addresses: $0) })
            },
            control: control.map { ControlRoutes(control: $0) })
        front = FrontChannel(
            responder: Self.responder(http, logger: logger), routes: routes, limits: limits,
            budget: budget, logger: logger)
        contexts = try configuration.listeners.map { try $0.identity.map(Self.tlsConfiguration) }
        ports = Mutex(Ports(bound: configuration.listeners.map { _ in nil }))
    }

    /// Serves all listeners. When one cannot be bound, or ends, all end.
    public func run() async throws {
        defer { end() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in configuration.listeners.indices {
                group.addTask { try await self.serve(index) }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    /// The ports of the listeners, in their order; waits until all are bound.
    /// - Throws: ``SignalingError/notListening`` when the server ended before that.
    public func boundPorts() async throws -> [Int] {
        try await withCheckedThrowingContinuation { continuation in
            let answer: Result<[Int], any Error>? = ports.withLock { ports in
                let bound = ports.bound.compactMap { $0 }
                if bound.count == ports.bound.count { return .success(bound) }
                if ports.isOver { return .failure(SignalingError.notListening) }
                ports.waiting.append(continuation)
                return nil
            }
            if let answer { continuation.resume(with: answer) }
        }
    }

    private func serve(_ index: Int) async throws {
        let listener = configuration.listeners[index]
        do {
            try await listen(index)
        } catch let error as IOError {
            throw unsafe SignalingError.cannotListen(
                host: listener.host, port: listener.port, reason: unsafe String(cString: strerror(error.errnoCode)))
        }
    }

    private func listen(_ index: Int) async throws {
        let host = configuration.listeners[index].host
        do {
            try await listen(index, host: host)
        } catch  where host == "::" {
            logger.info("no IPv6 here, listening on IPv4 only", metadata: ["error": "\(error)"])
            try await listen(index, host: "0.0.0.0")
        }
    }

    private func listen(_ index: Int, host: String) async throws {
        if let tls = contexts[index] {
            try await run(try TLSChannel(front, tlsConfiguration: tls), index, host: host)
        } else {
            try await run(front, index, host: host)
        }
    }

    private func run(_ child: some ServerChildChannel, _ index: Int, host: String) async throws {
        // Hummingbird reports an ordinary cancellation as an error; what matters is logged here.
        var quiet = logger
        quiet.logLevel = .critical
        let server = Server(
            childChannelSetup: child,
            configuration: ServerConfiguration(
                address: .hostname(host, port: configuration.listeners[index].port), backlog: 1024),
            onServerRunning: { [self] channel in
                let accept = AcceptGuard(eventLoop: channel.eventLoop, logger: logger)
                try? await channel.pipeline.addHandler(accept, position: .first).get()
                logger.info("listening", metadata: ["address": "\(channel.localAddress?.description ?? host)"])
                bound(index, port: channel.localAddress?.port ?? 0)
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        try await server.run()
    }

    private func bound(_ index: Int, port: Int) {
        let (waiting, all) = ports.withLock { ports in
            ports.bound[index] = port
            let all = ports.bound.compactMap { $0 }
            guard all.count == ports.bound.count else { return ([CheckedContinuation<[Int], any Error>](), all) }
            defer { ports.waiting = [] }
            return (ports.waiting, all)
        }
        for continuation in waiting { continuation.resume(returning: all) }
    }

    private func end() {
        let waiting = ports.withLock { ports in
            ports.isOver = true
            defer { ports.waiting = [] }
            return ports.waiting
        }
        for continuation in waiting { continuation.resume(throwing: SignalingError.notListening) }
    }
}

extension SignalingServer {
    /// Runs the router and adds what every response carries.
    private static func responder(_ routes: HTTPRoutes, logger: Logger) -> HTTPChannelHandler.Responder {
        let router = routes.router().buildResponder()
        return { request, writer, channel in
            let context = FrontRequestContext(source: .init(channel: channel, logger: logger))
            var response: Response
            do {
                response = try await router.respond(to: request, context: context)
            } catch let error as HTTPParserError {
                throw error
            } catch {
                logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
                response = HTTPRoutes.text("internal error\n", status: .internalServerError)
            }
            response.headers[.server] = "apus"
            response.headers[.xContentTypeOptions] = "nosniff"
            if response.headers[.contentSecurityPolicy] == nil {
                response.headers[.contentSecurityPolicy] = ContentPolicy.own.rawValue
            }
            try await writer.write(response: response.head, body: response.body)
        }
    }

    private static func tlsConfiguration(_ identity: TLSIdentity) throws -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(identity.certificatePEM)
            let password = identity.password ?? ""
            let key = try NIOSSLPrivateKey(bytes: identity.keyPEM, format: .pem) { setPassword in
                setPassword(password.utf8)
            }
            guard !chain.isEmpty else { throw SignalingError.tlsIdentity("there is no certificate in it") }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            // A client that does not answer our goodbye keeps neither its connection nor our end waiting.
            configuration.shutdownTimeout = .milliseconds(500)
            configuration.applicationProtocols = ["http/1.1"]
            // Finds a key that does not fit the certificate now, not at the first client.
            _ = try NIOSSLContext(configuration: configuration)
            return configuration
        } catch let error as SignalingError {
            throw error
        } catch {
            throw SignalingError.tlsIdentity("\(error)")
        }
    }
}
