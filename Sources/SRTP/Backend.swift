internal import CIPSecMB

/// What does the cryptography.
public enum Backend: Hashable, Sendable {
    /// OpenSSL's EVP: everywhere.
    case openSSL
    /// libipsec-mb for AES-GCM, a quarter to a half of OpenSSL's cost for a packet; OpenSSL for the rest. Needs
    /// the library and a processor with AES and carry-less multiplication.
    case ipsecMB
    /// Indices and replay windows live inside that library, so a successor cannot take over; it is there to
    /// compare with.
    case libsrtp2

    /// The fastest that this machine has, the same for the life of the process.
    public static let preferred: Backend = isIPSecMBAvailable ? .ipsecMB : .openSSL

    /// Whether ``ipsecMB`` works here.
    public static var isIPSecMBAvailable: Bool { apus_ipsecmb_is_available() == 1 }
}
