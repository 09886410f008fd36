/// A type of the Kurento API as its module descriptors write it: `String`, `int[]`, `MediaType`, `Stats<>`.
indirect enum ValueType: Hashable, Sendable {
    case string, boolean, int, int64, float, double
    case list(ValueType)
    /// Keyed by string.
    case map(ValueType)
    /// An enumeration, structure or class of the registry.
    case named(String)

    init(_ text: some StringProtocol) {
        if text.hasSuffix("[]") {
            self = .list(ValueType(text.dropLast(2)))
        } else if text.hasSuffix("<>") {
            self = .map(ValueType(text.dropLast(2)))
        } else {
            switch text {
            case "String": self = .string
            case "boolean": self = .boolean
            case "int": self = .int
            case "int64": self = .int64
            case "float": self = .float
            case "double": self = .double
            default: self = .named(String(text))
            }
        }
    }

    var text: String {
        switch self {
        case .string: "String"
        case .boolean: "boolean"
        case .int: "int"
        case .int64: "int64"
        case .float: "float"
        case .double: "double"
        case .list(let element): element.text + "[]"
        case .map(let element): element.text + "<>"
        case .named(let name): name
        }
    }
}

/// A parameter of a constructor or method, a member of a structure or a property of an event:
/// `name:type`, with `?` when it may be absent and `=value` for its default.
struct Field: Hashable, Sendable {
    var name: String
    var type: ValueType
    var isOptional: Bool
    var defaultValue: JSONValue?

    init(name: String, type: ValueType, isOptional: Bool = false, defaultValue: JSONValue? = nil) {
        self.name = name
        self.type = type
        self.isOptional = isOptional
        self.defaultValue = defaultValue
    }
}

struct Property: Hashable, Sendable {
    enum Access: String, Sendable { case property, readonly, final }

    var field: Field
    var access: Access

    /// `mediaState` → `MediaState`: what follows `get` and `set`.
    var operationSuffix: String { field.name.prefix(1).uppercased() + field.name.dropFirst() }
}

struct MethodSignature: Hashable, Sendable {
    var name: String
    var parameters: [Field]
    /// Nil for none.
    var result: ValueType?
}

/// A class of media objects ("remote class" in a module descriptor).
struct ObjectClass: Hashable, Sendable {
    var name: String
    var parent: String?
    var isAbstract: Bool
    /// Nil when no client can create one.
    var constructor: [Field]?
    var properties: [Property] = []
    var methods: [MethodSignature] = []
    var events: [String] = []
    /// What stands before its name where that is written in full.
    var prefix: String

    var qualifiedName: String { prefix + "." + name }
}

/// A structure, or an event: both are named fields with a parent.
struct Structure: Hashable, Sendable {
    var name: String
    var parent: String?
    var fields: [Field]
}

struct Enumeration: Hashable, Sendable {
    var name: String
    var values: [String]
}
