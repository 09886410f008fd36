/// All types of the API by name, with inheritance resolved.
struct TypeRegistry: Sendable {
    /// Version that clients compare with their own (Kurento 7.3).
    static let version = "7.3.0"

    static let shared = TypeRegistry(modules: [.core, .elements, .filters, .dataChannelExample])

    let modules: [ModuleDescriptor]
    private var classes: [String: ObjectClass] = [:]
    private var structures: [String: Structure] = [:]
    private var enumerations: [String: Enumeration] = [:]
    /// What a class can do, inherited things included: by class, then by operation name.
    private var operations: [String: [String: Operation]] = [:]
    private var events: [String: Set<String>] = [:]

    /// What `invoke` may name on an object.
    enum Operation: Hashable {
        case method(MethodSignature)
        case getter(Property)
        case setter(Property)

        var parameters: [Field] {
            switch self {
            case .method(let signature): signature.parameters
            case .getter: []
            case .setter(let property):
                [Field(name: property.field.name, type: property.field.type)]
            }
        }
    }

    init(modules: [ModuleDescriptor]) {
        self.modules = modules
        for module in modules {
            for type in module.classes { classes[type.name] = type }
            for type in module.structures { structures[type.name] = type }
            for type in module.enumerations { enumerations[type.name] = type }
        }
        for name in classes.keys {
            operations[name] = collectOperations(of: name)
            events[name] = Set(lineage(of: name).flatMap(\.events))
        }
    }

    func type(named name: String) -> ObjectClass? { classes[name] }
    func structure(named name: String) -> Structure? { structures[name] }
    func enumeration(named name: String) -> Enumeration? { enumerations[name] }

    /// The class that `create` names, bare or qualified.
    func factory(named name: String) -> ObjectClass? {
        let bare = name.split(separator: ".", omittingEmptySubsequences: false).last.map(String.init) ?? name
        guard let type = classes[bare], type.constructor != nil, [bare, type.qualifiedName].contains(name) else {
            return nil
        }
        return type
    }

    /// The class itself, then its ancestors, nearest first.
    func lineage(of name: String) -> [ObjectClass] {
        var line: [ObjectClass] = []
        var next: String? = name
        while let current = next, let type = classes[current] {
            line.append(type)
            next = type.parent
        }
        return line
    }

    func isClass(_ name: String, a ancestor: String) -> Bool { lineage(of: name).contains { $0.name == ancestor } }

    func isStructure(_ name: String, a ancestor: String) -> Bool {
        var next: String? = name
        while let current = next {
            if current == ancestor { return true }
            next = structures[current]?.parent
        }
        return false
    }

    /// Fields of a structure, inherited ones first.
    func fields(of name: String) -> [Field] {
        guard let structure = structures[name] else { return [] }
        return (structure.parent.map { fields(of: $0) } ?? []) + structure.fields
    }

    func operation(_ name: String, of type: String) -> Operation? {
        operations[type]?[Self.operationAliases[name] ?? name]
    }

    /// The event's present name when objects of the class raise it, or nil.
    func event(_ name: String, of type: String) -> String? {
        let present = Self.eventAliases[name] ?? name
        return events[type]?.contains(present) == true ? present : nil
    }

    private func collectOperations(of name: String) -> [String: Operation] {
        var found: [String: Operation] = [:]
        for type in lineage(of: name).reversed() {
            for property in type.properties {
                found["get" + property.operationSuffix] = .getter(property)
                if property.access == .property { found["set" + property.operationSuffix] = .setter(property) }
            }
            for method in type.methods { found[method.name] = .method(method) }
        }
        return found
    }

    /// Names that Kurento 6 had and 7 dropped.
    static let eventAliases = [
        "OnIceCandidate": "IceCandidateFound", "OnIceGatheringDone": "IceGatheringDone",
        "OnIceComponentStateChanged": "IceComponentStateChanged",
        "IceComponentStateChange": "IceComponentStateChanged", "OnDataChannelOpened": "DataChannelOpened",
        "OnDataChannelClosed": "DataChannelClosed", "DataChannelOpen": "DataChannelOpened",
        "DataChannelClose": "DataChannelClosed",
    ]

    static let operationAliases = [
        "getGStreamerDot": "getGstreamerDot", "getChilds": "getChildren", "setOutputBitrate": "setEncoderBitrate",
        "getOutputBitrate": "getEncoderBitrate",
    ]
}
