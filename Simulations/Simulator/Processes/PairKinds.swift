public import ICE

/// Of which kinds the two candidates of the path are, as tables of NATs show them: local, then remote.
public struct PairKinds: Hashable, Sendable, CustomStringConvertible {
    public var local: Candidate.Kind
    public var remote: Candidate.Kind

    public init(local: Candidate.Kind, remote: Candidate.Kind) {
        self.local = local
        self.remote = remote
    }

    /// `HS`, `PR` and so on.
    public var description: String { "\(local.letter)\(remote.letter)" }
}

extension Candidate.Kind {
    /// H, S, P and R.
    public var letter: Character {
        switch self {
        case .host: "H"
        case .serverReflexive: "S"
        case .peerReflexive: "P"
        case .relayed: "R"
        }
    }
}
