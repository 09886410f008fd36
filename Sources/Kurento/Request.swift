/// A JSON-RPC 2.0 request whose envelope is in order.
struct Request: Hashable {
    /// Null for a notification.
    var id: JSONValue
    var method: String
    /// Null when the request has none.
    var params: JSONValue

    init(_ value: JSONValue) throws(RPCError) {
        guard case .object(let members) = value, members["jsonrpc"] == "2.0",
            case .string(let method)? = members["method"]
        else { throw .invalidRequest }
        id = members["id"] ?? .null
        switch id {
        case .array, .object: throw .invalidRequest
        case .null, .bool, .integer, .double, .string: break
        }
        self.method = method
        params = members["params"] ?? .null
    }

    /// What a method's `params` hold; an error when there are none.
    func requiredParameters() throws(RPCError) -> Parameters {
        guard case .object(let members) = params else { throw .parametersRequired }
        return Parameters(members)
    }

    var optionalParameters: Parameters {
        if case .object(let members) = params { Parameters(members) } else { Parameters([:]) }
    }

    static func response(id: JSONValue, result: JSONValue) -> JSONValue {
        ["id": id, "jsonrpc": "2.0", "result": result]
    }

    static func response(id: JSONValue, error: RPCError) -> JSONValue {
        ["error": error.json, "id": id, "jsonrpc": "2.0"]
    }
}

/// The members of `params`, read with the envelope's own errors (-32000).
struct Parameters {
    var members: [String: JSONValue]

    init(_ members: [String: JSONValue]) { self.members = members }

    func string(_ name: String) throws(RPCError) -> String {
        guard let value = members[name] else { throw .parameter(name, "is required") }
        guard let text = value.asString else { throw .parameter(name, "should be a string") }
        return text
    }

    func optionalString(_ name: String) throws(RPCError) -> String? {
        guard let value = members[name], !value.isNull else { return nil }
        return try string(name)
    }

    func optionalBool(_ name: String) throws(RPCError) -> Bool? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let flag = value.asBool else { throw .parameter(name, "should be a boolean") }
        return flag
    }

    func optionalObject(_ name: String) throws(RPCError) -> [String: JSONValue]? {
        guard let value = members[name], !value.isNull else { return nil }
        guard case .object(let object) = value else { throw .parameter(name, "should be an object") }
        return object
    }

    func array(_ name: String) throws(RPCError) -> [JSONValue] {
        guard let value = members[name] else { throw .parameter(name, "is required") }
        guard case .array(let elements) = value else { throw .parameter(name, "should be a list") }
        return elements
    }
}
