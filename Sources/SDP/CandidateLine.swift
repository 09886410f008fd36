import MDNS
import Wire

/// A remote candidate as it stands in signalling (RFC 8839 section 5.1).
public enum CandidateLine {
    /// Whether a worker may be able to send where the line leads: to an address by UDP, or by TCP where the peer
    /// accepts connections (RFC 6544 section 4.5). A name leads nowhere, unless it is one of mDNS and
    /// `resolvesNames`: those are known for UDP alone.
    public static func isUsable(_ line: String, resolvesNames: Bool) -> Bool {
        let words = line.split(separator: " ")
        guard words.count >= 8 else { return false }
        switch words[2].lowercased() {
        case "udp": return IPAddress(words[4]) != nil || (resolvesNames && HostName(words[4]) != nil)
        case "tcp": return IPAddress(words[4]) != nil && isPassive(words[8...])
        default: return false
        }
    }

    /// Extensions are pairs of name and value.
    private static func isPassive(_ extensions: ArraySlice<Substring>) -> Bool {
        var index = extensions.startIndex
        while index + 1 < extensions.endIndex {
            if extensions[index].lowercased() == "tcptype" { return extensions[index + 1].lowercased() == "passive" }
            index += 2
        }
        return false
    }
}
