/// Checked arguments of an operation or constructor: of their declared types, defaults filled in.
struct Arguments {
    fileprivate(set) var values: [String: JSONValue] = [:]

    subscript(name: String) -> JSONValue? { values[name] }

    /// Empty when an optional argument is absent.
    func string(_ name: String) -> String { values[name]?.asString ?? "" }
    func optionalString(_ name: String) -> String? { values[name]?.asString }
    func integer(_ name: String) -> Int64 { values[name]?.asInt64 ?? 0 }
    func bool(_ name: String) -> Bool { values[name]?.asBool ?? false }
}

/// Reads arguments as their declared types. Errors have the texts of Kurento's generated marshalling code.
struct ArgumentReader {
    let registry: TypeRegistry
    /// Throws unless an object of that id exists and is of that class.
    let checkObject: (_ id: String, _ type: String, _ parameter: String) throws(KurentoError) -> Void

    /// - Parameter container: the member of `params` that holds them, for the complaint that it is missing.
    func arguments(
        _ given: [String: JSONValue]?, for fields: [Field], in container: String
    ) throws(KurentoError) -> Arguments {
        if given == nil, fields.contains(where: { !$0.isOptional }) {
            throw KurentoError(.marshalError, "'\(container)' is required")
        }
        return Arguments(values: try members(given ?? [:], of: fields))
    }

    private func members(
        _ given: [String: JSONValue], of fields: [Field]
    ) throws(KurentoError) -> [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        for field in fields {
            let value = given[field.name] ?? .null
            if value.isNull, field.isOptional {
                values[field.name] = field.defaultValue
            } else {
                values[field.name] = try read(value, as: field.type, named: field.name)
            }
        }
        return values
    }

    private func read(_ value: JSONValue, as type: ValueType, named name: String) throws(KurentoError) -> JSONValue {
        switch type {
        case .string: return .string(try require(value.asString, name, "string"))
        case .boolean: return .bool(try require(value.asBool, name, "boolean"))
        case .int: return .integer(try require(value.asInt32, name, "integer"))
        case .int64: return .integer(try require(value.asInt64, name, "int64"))
        case .float, .double: return .double(try require(value.asDouble, name, "double"))
        case .list(let element):
            guard case .array(let elements) = value else { throw Self.illTyped(name, "list") }
            var list: [JSONValue] = []
            for entry in elements { list.append(try read(entry, as: element, named: name)) }
            return .array(list)
        case .map(let element):
            guard case .object(let members) = value else { throw Self.illTyped(name, "map") }
            var map: [String: JSONValue] = [:]
            for (key, entry) in members { map[key] = try read(entry, as: element, named: name) }
            return .object(map)
        case .named(let type): return try read(value, asNamed: type, named: name)
        }
    }

    private func read(_ value: JSONValue, asNamed type: String, named name: String) throws(KurentoError) -> JSONValue {
        if let enumeration = registry.enumeration(named: type) {
            let text = try require(value.asString, name, "string")
            guard enumeration.values.contains(text) else {
                throw KurentoError(.marshalError, "Invalid value for '\(type)'")
            }
            return .string(text)
        }
        if registry.structure(named: type) != nil {
            guard case .object(let members) = value else { throw Self.illTyped(name, "object") }
            let actual = try structure(members, declared: type, named: name)
            return .structure(actual, try self.members(members, of: registry.fields(of: actual)))
        }
        let id = try require(value.asString, name, "object")
        try checkObject(id, type, name)
        return .string(id)
    }

    /// The structure that `__module__` and `__type__` choose: the declared one or a descendant.
    private func structure(
        _ members: [String: JSONValue], declared: String, named name: String
    ) throws(KurentoError) -> String {
        guard let module = members["__module__"]?.asString, let type = members["__type__"]?.asString else {
            return declared
        }
        guard module == "kurento", registry.structure(named: type) != nil else {
            throw KurentoError(
                .unexpectedError, "Type \(type.prefix(64)) does not exist in module \(module.prefix(64))")
        }
        guard registry.isStructure(type, a: declared) else { throw Self.illTyped(name, "object") }
        return type
    }

    private func require<Value>(_ value: Value?, _ name: String, _ word: String) throws(KurentoError) -> Value {
        guard let value else { throw Self.illTyped(name, word) }
        return value
    }

    static func illTyped(_ name: String, _ word: String) -> KurentoError {
        KurentoError(.marshalError, "'\(name)' parameter should be a \(word)")
    }
}
