import RTP
import Reactor

/// What an element encodes anew, as its owner was told last.
struct EncodingState {
    private var told: [MediaKind: Bool] = [:]

    /// What is new of it, to be told now.
    ///
    /// - Parameter encodes: what is true of a kind; nil while it has no media, when nothing is encoded either.
    mutating func news(of encodes: (MediaKind) -> Bool?) -> [ElementOutput] {
        MediaKind.allCases.compactMap { kind in
            guard let state = encodes(kind) ?? told[kind].map({ _ in false }), state != told[kind] else { return nil }
            told[kind] = state
            return .encodes(kind, state)
        }
    }
}
