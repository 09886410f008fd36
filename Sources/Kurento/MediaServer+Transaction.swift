extension MediaServer {
    /// Does the operations in order and stops after the first that fails; what was done stays done.
    func transaction(_ parameters: Parameters, _ context: inout RequestContext) async throws -> JSONValue {
        let operations = try parameters.array("operations")
        guard !context.isInTransaction else {
            throw KurentoError(.malformedTransaction, "A transaction cannot hold another transaction")
        }
        guard operations.count <= Limits.transactionOperations else {
            throw KurentoError(
                .malformedTransaction, "A transaction may hold \(Limits.transactionOperations) operations")
        }
        for (index, operation) in operations.enumerated() where operation["id"]?.asInt64 != Int64(index) {
            throw KurentoError(.malformedTransaction, "Id of request '\(index)' should be '\(index)'")
        }
        let session = session(&context)
        var inner = RequestContext(explicitSession: session, connection: context.connection, isInTransaction: true)
        var responses: [JSONValue] = []
        var references = TransactionReferences()
        for operation in operations {
            let id = operation["id"] ?? .null
            do {
                var request = try Request(operation)
                request.params = references.resolve(request.params)
                let outcome = try await perform(request, &inner)
                references.values.append(outcome["value"] ?? .null)
                responses.append(Request.response(id: id, result: outcome))
            } catch {
                responses.append(Request.response(id: id, error: RPCError(describing: error)))
                break
            }
        }
        return result(session, .array(responses))
    }
}

/// `newref:N` in the parameters of an operation stands for what operation N returned.
struct TransactionReferences {
    static let prefix = "newref:"

    /// The `value` of each operation done so far.
    var values: [JSONValue] = []

    /// Replaces references in any string, however deep; those to operations not done yet stay as they are.
    func resolve(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text):
            guard text.hasPrefix(Self.prefix), let index = Int(text.dropFirst(Self.prefix.count)),
                values.indices.contains(index), case .string = values[index]
            else { return value }
            return values[index]
        case .array(let elements): return .array(elements.map(resolve))
        case .object(let members): return .object(members.mapValues(resolve))
        case .null, .bool, .integer, .double: return value
        }
    }
}
