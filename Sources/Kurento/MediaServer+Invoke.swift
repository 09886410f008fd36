import Session

extension MediaServer {
    func invoke(_ parameters: Parameters, _ context: inout RequestContext) async throws -> JSONValue {
        let id = try parameters.string("object")
        let name = try parameters.string("operation")
        let given = try parameters.optionalObject("operationParams")
        let session = session(&context)
        let object = try find(id, for: session)
        guard let operation = registry.operation(name, of: object.type) else {
            throw KurentoError(
                .malformedTransaction, "Method '\(name)' with \(given?.count ?? 0) parameters not found")
        }
        guard let gate = object.pipeline?.gate else {
            return result(session, try await invoke(operation, on: object, given, for: session))
        }
        await gate.enter()
        defer {
            touch(object)
            gate.leave()
        }
        try checkUsable(object)
        return result(session, try await invoke(operation, on: object, given, for: session))
    }

    private func invoke(
        _ operation: TypeRegistry.Operation, on object: MediaObject, _ given: [String: JSONValue]?,
        for session: String
    ) async throws(KurentoError) -> JSONValue {
        let arguments = try reader(for: session).arguments(given, for: operation.parameters, in: "operationParams")
        switch operation {
        case .getter(let property):
            if let value = try await elementValue(of: property.field.name, object) { return value }
            return try value(of: property, of: object)
        case .setter(let property):
            if property.field.name == "position", object.element != nil {
                try await seek(object, to: arguments.integer("position"))
                return .null
            }
            try set(property, of: object, to: arguments[property.field.name] ?? .null)
            return .null
        case .method(let signature):
            if let value = try invokeOnAny(signature.name, object, arguments) { return value }
            if object.type == "ServerManager" { return try await invokeOnManager(signature.name, arguments) }
            if object.type == "MediaPipeline" { return invokeOnPipeline(signature.name, object) }
            if object.hub != nil { return try await invokeOnHub(signature.name, object, arguments) }
            if let value = try await invokeOnElement(signature.name, object, arguments) { return value }
            if signature.name == "getUrl" { return try await uploadURL(of: object) }
            if try await commandElement(signature.name, object, arguments) { return .null }
            if let value = try await invokeOnEndpoint(signature.name, object, arguments) { return value }
            throw KurentoError(.notImplemented, "Method '\(signature.name)' is not implemented")
        }
    }

    /// Methods of every media object. Nil for a method that is not among them.
    private func invokeOnAny(
        _ name: String, _ object: MediaObject, _ arguments: Arguments
    ) throws(KurentoError) -> JSONValue? {
        let key = arguments.string("key")
        let index = object.tags.firstIndex { $0.key == key }
        switch name {
        case "addTag":
            let value = arguments.string("value")
            guard key.utf8.count <= Limits.tagBytes, value.utf8.count <= Limits.tagBytes else {
                throw KurentoError(.mediaObjectIllegalParameter, "A tag may have \(Limits.tagBytes) bytes")
            }
            if let index {
                object.tags[index].value = value
            } else {
                guard object.tags.count < Limits.tagsPerObject else {
                    throw KurentoError(
                        .notEnoughResources, "An object may have \(Limits.tagsPerObject) tags; remove some")
                }
                object.tags.append((key, value))
            }
            return .null
        case "removeTag", "getTag":
            guard let index else { throw KurentoError(.mediaObjectTagKeyNotFound, "Tag key '\(key)' not found") }
            if name == "getTag" { return .string(object.tags[index].value) }
            object.tags.remove(at: index)
            return .null
        case "getTags": return .array(object.tags.map(Self.tag))
        default: return nil
        }
    }

    private func invokeOnPipeline(_ name: String, _ object: MediaObject) -> JSONValue {
        name == "getGstreamerDot" ? .string(graphText(of: object)) : .null
    }
}
