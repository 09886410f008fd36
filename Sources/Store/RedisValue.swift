import CHiredis

/// One answer of the server, copied out of hiredis.
enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case error(String)
    case array([RedisValue])

    /// Depth is bounded by hiredis, which refuses answers nested more than seven deep.
    init(_ reply: UnsafePointer<redisReply>) {
        switch unsafe reply.pointee.type {
        case REDIS_REPLY_INTEGER: unsafe self = .integer(Int64(reply.pointee.integer))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: unsafe self = .text(Self.text(reply))
        case REDIS_REPLY_ERROR: unsafe self = .error(Self.text(reply))
        case REDIS_REPLY_ARRAY:
            var values: [RedisValue] = []
            let count = unsafe reply.pointee.elements
            values.reserveCapacity(count)
            for index in 0..<count {
                guard let element = unsafe apus_redis_element(reply, index) else { continue }
                unsafe values.append(RedisValue(element))
            }
            self = .array(values)
        default: self = .null
        }
    }

    /// Bytes that are not UTF-8 are replaced; what was not written by us fails its checks later.
    private static func text(_ reply: UnsafePointer<redisReply>) -> String {
        guard let start = unsafe reply.pointee.str else { return "" }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: reply.pointee.len)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    var text: String? {
        switch self {
        case .text(let text): text
        case .integer(let value): String(value)
        default: nil
        }
    }

    var array: [RedisValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// The element, or null when there is none.
    subscript(index: Int) -> RedisValue {
        guard case .array(let values) = self, values.indices.contains(index) else { return .null }
        return values[index]
    }
}

/// One command, ready to be sent.
struct RedisCommand: Sendable {
    var arguments: [String]

    init(_ arguments: [String]) { self.arguments = arguments }

    /// An array of bulk strings, as the protocol wants requests (RESP2).
    var encoded: [UInt8] {
        var bytes = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            bytes += Array("$\(argument.utf8.count)\r\n".utf8)
            bytes += argument.utf8
            bytes += [13, 10]
        }
        return bytes
    }
}
