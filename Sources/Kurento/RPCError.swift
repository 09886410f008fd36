/// What the `error` member of a response says.
struct RPCError: Error, Hashable {
    var code: Int64
    var message: String
    var type: String?
    /// In seconds. An addition to Kurento's protocol, whose clients pass over members of `data` that they do not know.
    var retryAfter: Int?

    init(code: Int64, message: String, type: String? = nil) {
        self.code = code
        self.message = message
        self.type = type
    }

    init(_ error: KurentoError) {
        self.init(code: error.code.rawValue, message: error.message, type: error.code.name)
        retryAfter = error.retryAfter
    }

    static let parseError = RPCError(code: -32700, message: "Parse error.")
    static let invalidRequest = RPCError(code: -32600, message: "Invalid JSON-RPC request.")
    static let methodNotFound = RPCError(code: -32601, message: "Method not found.")
    static let parametersRequired = RPCError(
        code: -32602, message: "'params' is required", type: "INVALID_PARAMS")
    static let notification = RPCError(
        code: -32000, message: "Ignoring response because of a notification request")
    static let frameTooLarge = RPCError(
        code: -32600, message: "Invalid JSON-RPC request: the frame is larger than \(Limits.frameBytes) bytes.")

    /// A member of `params` is missing or of the wrong kind.
    static func parameter(_ name: String, _ complaint: String) -> RPCError {
        RPCError(code: -32000, message: "'\(name)' parameter \(complaint)")
    }

    var json: JSONValue {
        var members: [String: JSONValue] = ["code": .integer(code), "message": .string(message)]
        var data: [String: JSONValue] = [:]
        if let type { data["type"] = .string(type) }
        if let retryAfter { data["retryAfter"] = .integer(Int64(retryAfter)) }
        if !data.isEmpty { members["data"] = .object(data) }
        return .object(members)
    }

    /// Any error that handling a request can end in.
    init(describing error: any Error) {
        switch error {
        case let error as RPCError: self = error
        case let error as KurentoError: self.init(error)
        default: self.init(code: -32603, message: "Unexpected error while processing method: \(error)")
        }
    }
}
