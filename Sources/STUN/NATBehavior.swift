/// When an internal endpoint keeps its external one (RFC 4787 section 4.1).
public enum MappingBehavior: String, Hashable, Sendable, CaseIterable, Codable {
    case endpointIndependent = "EIM"
    case addressDependent = "ADM"
    case addressAndPortDependent = "APDM"
}

/// Who may send to an external endpoint (RFC 4787 section 5).
public enum FilteringBehavior: String, Hashable, Sendable, CaseIterable, Codable {
    case endpointIndependent = "EIF"
    case addressDependent = "ADF"
    case addressAndPortDependent = "APDF"
}

/// What happens to a packet from inside to an external endpoint of the same NAT (RFC 4787 section 6).
public enum HairpinBehavior: String, Hashable, Sendable, CaseIterable, Codable {
    case off
    /// It comes from the sender's external endpoint, as REQ-9a demands.
    case external
    /// Its source stays as it is.
    case internalSource = "internal"
}
