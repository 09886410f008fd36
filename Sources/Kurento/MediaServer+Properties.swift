import Wire

extension MediaServer {
    func value(of property: Property, of object: MediaObject) throws(KurentoError) -> JSONValue {
        switch property.field.name {
        case "id": .string(object.id)
        case "parent": object.parent.map { .string($0.id) } ?? .null
        case "mediaPipeline": object.pipeline?.object.map { .string($0.id) } ?? .null
        case "children": .array(object.children.map { .string($0.id) })
        case "name": .string(object.name)
        case "sendTagsInEvents": .bool(object.sendsTagsInEvents)
        case "creationTime": .integer(object.creationTime)
        case "info": registry.serverInformation(generationTime: Self.generationTime)
        case "pipelines": .array(objects.pipelines.map { .string($0.id) })
        case "sessions": .array(sessions.ids.map(JSONValue.string))
        case "metadata": .string(configuration.metadata)
        case "mediaState": .string(Self.name(isConnected: object.endpoint?.isMediaConnected ?? false))
        case "connectionState": .string(Self.name(isConnected: object.endpoint?.isConnected ?? false))
        case "ICECandidatePairs": .array(candidatePairs(of: object))
        case "IceConnectionState": .array(iceConnections(of: object))
        case "DtlsConnectionState": .array(dtlsConnections(of: object))
        default: object.properties[property.field.name] ?? initialValue(of: property.field)
        }
    }

    func set(_ property: Property, of object: MediaObject, to value: JSONValue) throws(KurentoError) {
        if case .string(let text) = value, text.utf8.count > Limits.propertyBytes {
            throw KurentoError(
                .mediaObjectIllegalParameter, "'\(property.field.name)' may have \(Limits.propertyBytes) bytes")
        }
        switch property.field.name {
        case "name": object.name = value.asString ?? ""
        case "sendTagsInEvents": object.sendsTagsInEvents = value.asBool ?? false
        case "externalIPv4", "externalIPv6":
            let text = value.asString ?? ""
            let wantsIPv4 = property.field.name == "externalIPv4"
            guard text.isEmpty || IPAddress(text).map({ $0.isIPv4 == wantsIPv4 }) == true else {
                throw KurentoError(
                    .mediaObjectIllegalParameter, "'\(property.field.name)' should be an IP address of that version")
            }
            object.properties[property.field.name] = value
        default: object.properties[property.field.name] = value
        }
    }

    /// What a property holds that nobody set: its declared default, else its type's empty value.
    private func initialValue(of field: Field) -> JSONValue {
        if let value = field.defaultValue { return value }
        switch field.type {
        case .string: return ""
        case .boolean: return false
        case .int, .int64: return 0
        case .float, .double: return .double(0)
        case .list: return []
        case .map: return .null
        case .named(let name):
            guard registry.structure(named: name) != nil else { return .null }
            var members: [String: JSONValue] = [:]
            for field in registry.fields(of: name) { members[field.name] = field.defaultValue }
            return .structure(name, members)
        }
    }

    static func name(isConnected: Bool) -> String { isConnected ? "CONNECTED" : "DISCONNECTED" }

    /// When the type tables were last changed in a way that clients may care about.
    static let generationTime = "2026-01-01T00:00:00Z"
}
