/// Why bytes from the wire were refused. Payload-free, so that rejecting a packet costs no allocation.
public enum ParseError: Error, Hashable, Sendable, BitwiseCopyable {
    /// The bytes end before the structure does.
    case truncated
    /// A length field contradicts the bytes around it.
    case badLength
    /// A version, magic or type that the format does not allow here.
    case badHeader
    /// A field holds a value outside its range.
    case badValue
    /// The structure is valid but larger than the module's `Limits` allow.
    case overLimit
}
