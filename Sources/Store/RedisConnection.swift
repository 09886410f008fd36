import CHiredis

/// One blocking hiredis context. Belongs to one thread.
@safe struct RedisConnection: ~Copyable {
    /// Why a connection is of no use any more.
    struct Failure: Error {
        var reason: String
    }

    private let context: UnsafeMutablePointer<redisContext>

    private init(adopting context: UnsafeMutablePointer<redisContext>) {
        unsafe self.context = context
    }

    /// Connects, logs in, selects the database and makes sure of an answer; waits at most `timeout`
    /// milliseconds for each step.
    static func open(_ address: RedisAddress, timeout: Int) throws(Failure) -> RedisConnection {
        let made: UnsafeMutablePointer<redisContext>?
        switch address.endpoint {
        case .tcp(let host, let port):
            unsafe made = apus_redis_connect_tcp(host, Int32(port), Int32(timeout))
        case .unix(let path):
            unsafe made = apus_redis_connect_unix(path, Int32(timeout))
        }
        guard let made = unsafe made else { throw Failure(reason: "no memory for a connection") }
        let connection = unsafe RedisConnection(adopting: made)
        guard unsafe made.pointee.err == 0 else { throw connection.failure("cannot connect to \(address)") }
        connection.setTimeout(timeout)
        // A failure would mark the context as broken, so not on Unix sockets, which have no such thing.
        if case .tcp = address.endpoint { unsafe redisEnableKeepAlive(made) }
        if let password = address.password {
            try connection.expectOK(["AUTH"] + (address.user.map { [$0] } ?? []) + [password], "login")
        }
        if address.database != 0 { try connection.expectOK(["SELECT", String(address.database)], "database") }
        // A server that hangs or still loads its data accepts connections all the same.
        try connection.expectOK(["PING"], "first command")
        return connection
    }

    deinit { unsafe redisFree(context) }

    /// For ``apus_redis_shutdown`` by another thread, while this connection lives.
    var descriptor: Int32 { unsafe context.pointee.fd }

    var isStale: Bool { unsafe apus_redis_is_stale(context) != 0 }

    /// Milliseconds that a read or write may take.
    func setTimeout(_ milliseconds: Int) { unsafe _ = apus_redis_set_timeout(context, Int32(milliseconds)) }

    /// Puts the command into the output; the next ``receive()`` sends it.
    func append(_ command: RedisCommand) throws(Failure) {
        let bytes = command.encoded
        let result = unsafe bytes.withUnsafeBytes { buffer in
            unsafe redisAppendFormattedCommand(
                context, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        guard result == REDIS_OK else { throw failure("cannot send") }
    }

    func receive() throws(Failure) -> RedisValue {
        guard let reply = unsafe apus_redis_reply(context) else { throw failure("no answer") }
        defer { unsafe freeReplyObject(reply) }
        return unsafe RedisValue(UnsafePointer(reply))
    }

    private func expectOK(_ arguments: [String], _ what: String) throws(Failure) {
        try append(RedisCommand(arguments))
        if case .error(let message) = try receive() { throw Failure(reason: "\(what) refused: \(message)") }
    }

    private func failure(_ what: String) -> Failure {
        let reason = unsafe String(cString: apus_redis_error(context))
        return Failure(reason: reason.isEmpty ? what : "\(what): \(reason)")
    }
}
