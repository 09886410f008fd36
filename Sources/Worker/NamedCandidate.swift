import MDNS
import Wire

/// A candidate line with a name of mDNS in its address's place.
struct NamedCandidate {
    let name: HostName
    private let words: [Substring]

    /// Nil for every other line; ``ICE/Agent`` reads those.
    init?(_ line: String) {
        guard line.utf8.count <= Limits.candidateBytes else { return nil }
        let words = line.split(maxSplits: Limits.candidateWords, whereSeparator: \.isWhitespace)
        guard words.count >= 8, words[2].lowercased() == "udp", let name = HostName(words[4]) else { return nil }
        self.name = name
        self.words = words
    }

    /// The same candidate at an address: what the peer would have signalled without the name.
    func at(_ ip: IPAddress) -> String {
        var words = words
        words[4] = ip.description[...]
        return words.joined(separator: " ")
    }
}
