import Foundation
public import Logging
import Session
import Synchronization

/// The cluster's store on a Redis server (7.0 or later), by hiredis.
///
/// One connection with a thread of its own carries the commands; each stream that is read has another.
/// While the server is away every command is refused at once and the connections come back by themselves.
public final class RedisStore: ClusterStore {
    let prefix: String
    private let address: RedisAddress
    private let logger: Logger
    private let commands: RedisLane
    private let readers = Mutex<[String: RedisLane]?>([:])
    private let digests = Mutex<[String: String]>([:])
    /// By the streams that are read here.
    let delivered = Mutex<[String: DeliveredMessages]>([:])

    /// How long a caller waits for an answer. Above any healthy server's pause, below the half second in
    /// which a client must be told that the cluster cannot take it.
    private static let patience = Duration.milliseconds(450)
    /// Milliseconds without an answer after which the connection is given up.
    private static let timeout = 2000
    /// The longest that one read of a stream waits.
    private static let longestWait = Duration.seconds(5)

    /// Returns at once; the connection is made in the background.
    /// - Parameter cluster: keys begin with `apus:{cluster}:`, so several clusters may share a server.
    public init(_ address: RedisAddress, cluster: String = "cluster", logger: Logger) {
        self.address = address
        self.logger = logger
        prefix = "apus:{\(cluster)}:"
        commands = RedisLane(
            name: "redis", address: address, patience: .none, timeout: Self.timeout, logger: logger)
        commands.start()
        let thread = Thread { [weak self] in
            // Fails what waits too long, also when the server holds the connection without answering.
            while let lanes = self?.openLanes {
                for lane in lanes { lane.failOverdue(at: .now) }
                Thread.sleep(forTimeInterval: 0.05)
            }
        }
        thread.name = "redis-deadlines"
        thread.start()
    }

    deinit { closeLanes() }

    /// Nil once the store is closed.
    private var openLanes: [RedisLane]? { readers.withLock { $0.map { [commands] + $0.values } } }

    public func close() async { closeLanes() }

    private func closeLanes() {
        let lanes = readers.withLock { readers in
            defer { readers = nil }
            return readers.map { Array($0.values) } ?? []
        }
        for lane in lanes { lane.close() }
        commands.close()
    }

    // MARK: Talking to the server

    /// Runs the script by its digest; a server that has not seen it gets its text.
    func run(_ script: RedisScript, _ arguments: [String]) async throws(StoreError) -> RedisValue {
        let tail = ["0", prefix] + arguments
        if let digest = digests.withLock({ $0[script.name] }) {
            let value = try await exchange([RedisCommand(["EVALSHA", digest] + tail)])[0]
            guard case .error(let message) = value, message.hasPrefix("NOSCRIPT") else { return try check(value) }
        }
        let values = try await exchange([
            RedisCommand(["SCRIPT", "LOAD", script.source]), RedisCommand(["EVAL", script.source] + tail),
        ])
        if case .text(let digest) = values[0] { digests.withLock { $0[script.name] = digest } }
        return try check(values[1])
    }

    /// As many answers as commands.
    func exchange(_ batch: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        try await commands.submit(batch, within: Self.patience)
    }

    /// Reads on the stream's own connection.
    func read(_ stream: String, _ batch: [RedisCommand], wait: Duration) async throws(StoreError) -> [RedisValue] {
        let lane: RedisLane? = readers.withLock { readers in
            guard readers != nil else { return nil }
            if let lane = readers?[stream] { return lane }
            let longest = Int(Self.longestWait / .milliseconds(1))
            let lane = RedisLane(
                name: "redis-read", address: address, patience: .untilDeadline, timeout: longest + Self.timeout,
                logger: logger)
            lane.start()
            readers?[stream] = lane
            return lane
        }
        guard let lane else { throw .unavailable("the store is closed") }
        return try await lane.submit(batch, within: wait + Self.patience)
    }

    static func clamp(_ wait: Duration) -> Duration { max(.zero, min(wait, longestWait)) }

    /// Turns the server's error answers into ours.
    @discardableResult
    func check(_ value: RedisValue) throws(StoreError) -> RedisValue {
        guard case .error(let message) = value else { return value }
        let code = message.prefix { $0 != " " }
        switch code {
        case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "MISCONF", "NOREPLICAS":
            throw .unavailable(message)
        default:
            if message.contains("WRONGTYPE") { throw .corrupt(message) }
            throw .server(message)
        }
    }
}
