extension TypeRegistry {
    /// The module's descriptor as `ServerManager.getKmd` returns it: JSON text in the KMD format.
    func descriptorText(ofModule name: String) -> String? {
        guard let module = modules.first(where: { $0.name == name }) else { return nil }
        let descriptor: JSONValue = [
            "name": .string(module.name),
            "version": .string(Self.version),
            "kurentoVersion": .string("^" + Self.version),
            "remoteClasses": .array(module.classes.map(Self.json)),
            "complexTypes": .array(module.enumerations.map(Self.json) + module.structures.map(Self.complexType)),
            "events": .array(module.events.map { Self.json($0, fields: "properties") }),
        ]
        return descriptor.text
    }

    /// The `ServerInfo` that clients check for their modules.
    func serverInformation(generationTime: String) -> JSONValue {
        let list = modules.map { module in
            JSONValue.structure(
                "ModuleInfo",
                [
                    "factories": .array(module.factories.map(JSONValue.string)),
                    "generationTime": .string(generationTime), "name": .string(module.name),
                    "version": .string(Self.version),
                ])
        }
        return .structure(
            "ServerInfo",
            [
                "capabilities": ["transactions"], "modules": .array(list), "type": "KMS",
                "version": .string(Self.version),
            ])
    }

    private static func json(_ type: ObjectClass) -> JSONValue {
        var members: [String: JSONValue] = ["name": .string(type.name)]
        if type.isAbstract { members["abstract"] = true }
        if let parent = type.parent { members["extends"] = .string(parent) }
        if let constructor = type.constructor { members["constructor"] = ["params": .array(constructor.map(json))] }
        if !type.properties.isEmpty { members["properties"] = .array(type.properties.map(json)) }
        if !type.methods.isEmpty { members["methods"] = .array(type.methods.map(json)) }
        if !type.events.isEmpty { members["events"] = .array(type.events.map(JSONValue.string)) }
        return .object(members)
    }

    private static func json(_ field: Field) -> JSONValue {
        var members: [String: JSONValue] = ["name": .string(field.name), "type": .string(field.type.text)]
        if field.isOptional { members["optional"] = true }
        if let value = field.defaultValue { members["defaultValue"] = value }
        return .object(members)
    }

    private static func json(_ property: Property) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(property.field.name), "type": .string(property.field.type.text),
        ]
        switch property.access {
        case .property: break
        case .readonly: members["readOnly"] = true
        case .final: members["final"] = true
        }
        if let value = property.field.defaultValue { members["defaultValue"] = value }
        return .object(members)
    }

    private static func json(_ method: MethodSignature) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(method.name), "params": .array(method.parameters.map(json)),
        ]
        if let result = method.result { members["return"] = ["type": .string(result.text)] }
        return .object(members)
    }

    private static func json(_ enumeration: Enumeration) -> JSONValue {
        [
            "name": .string(enumeration.name), "typeFormat": "ENUM",
            "values": .array(enumeration.values.map(JSONValue.string)),
        ]
    }

    private static func json(_ structure: Structure, fields name: String) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(structure.name), name: .array(structure.fields.map(json)),
        ]
        if let parent = structure.parent { members["extends"] = .string(parent) }
        return .object(members)
    }

    private static func complexType(_ structure: Structure) -> JSONValue {
        guard case .object(var members) = json(structure, fields: "properties") else { return .null }
        members["typeFormat"] = "REGISTER"
        return .object(members)
    }
}

extension JSONValue {
    /// A structure of the API with the two members that name its type.
    static func structure(_ type: String, _ members: [String: JSONValue]) -> JSONValue {
        var named = members
        named["__module__"] = "kurento"
        named["__type__"] = .string(type)
        return .object(named)
    }
}
