/// A JSON value. Integers stay integers: ids and counters must come back as they were sent.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The member of that name; nil when there is none, or when this is no object.
    public subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    public var isNull: Bool { self == .null }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

/// The coercions that Kurento's marshalling allows: numbers and booleans may arrive as strings, and
/// strings as numbers.
extension JSONValue {
    /// A scalar as text; nil for what is none.
    public var asString: String? {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .double(let number): String(number)
        case .bool(let flag): flag ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// A whole number, cut off towards zero; nil for what is none.
    public var asInt64: Int64? {
        switch self {
        case .integer(let number): number
        case .double(let number): Int64(exactly: number.rounded(.towardZero))
        case .bool(let flag): flag ? 1 : 0
        case .string(let text): Int64(text)
        case .null, .array, .object: nil
        }
    }

    /// Kurento's `int` has 32 bits.
    var asInt32: Int64? {
        guard let number = asInt64, Int32(exactly: number) != nil else { return nil }
        return number
    }

    var asDouble: Double? {
        switch self {
        case .integer(let number): return Double(number)
        case .double(let number): return number
        case .bool(let flag): return flag ? 1 : 0
        case .string(let text):
            guard let number = Double(text), number.isFinite else { return nil }
            return number
        case .null, .array, .object: return nil
        }
    }

    public var asBool: Bool? {
        switch self {
        case .bool(let flag): flag
        case .integer(let number): number != 0
        case .double(let number): number != 0
        case .string("true"): true
        case .string("false"): false
        case .null, .string, .array, .object: nil
        }
    }
}
