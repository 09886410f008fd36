import ICE
import Wire

/// What the parties and the server of a simulated call tell each other outside of the network, as lines of text: as
/// much of offer and answer as is not known beforehand.
struct CallMessage {
    enum Kind: String {
        case offer, answer
        /// New ICE credentials, and the answer to them.
        case restart, restarted
    }

    var kind: Kind
    /// Whose offer it is; nil in the server's answers.
    var party: Int?
    var credentials: Credentials
    var fingerprint: String
    var isLite: Bool
    var candidates: [String]

    init(
        _ kind: Kind, party: Int? = nil, credentials: Credentials, fingerprint: String, isLite: Bool = false,
        candidates: [String]
    ) {
        self.kind = kind
        self.party = party
        self.credentials = credentials
        self.fingerprint = fingerprint
        self.isLite = isLite
        self.candidates = candidates
    }

    /// Reads what ``bytes`` wrote; traps on anything else, which only a mistake in here can send.
    init(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 6, let kind = Kind(rawValue: words[0]) else { preconditionFailure("not a message") }
        self.kind = kind
        party = Int(words[1])
        credentials = Credentials(ufrag: words[2], password: words[3])
        fingerprint = words[4]
        isLite = words[5] == "lite"
        candidates = Array(lines.dropFirst())
    }

    var bytes: [UInt8] {
        let party = party.map { "\($0)" } ?? "-"
        let head = "\(kind.rawValue) \(party) \(credentials.ufrag) \(credentials.password) \(fingerprint)"
        return Array(([head + (isLite ? " lite" : " full")] + candidates).joined(separator: "\n").utf8)
    }
}
