extension RTPParameters {
    /// Indices of ``encodings`` from the one that counts as the smallest picture, as far as negotiation tells: by what
    /// the rids are called, else in their own order. A forwarder that sees pictures knows better.
    public var encodingsBySize: [Int] {
        let ranks = encodings.map { $0.rid.flatMap { Self.suggestedRank(ofRid: $0) } }
        // Either all names say something, each something else, or none is listened to.
        guard !ranks.contains(nil), Set(ranks).count == ranks.count else { return Array(encodings.indices) }
        return encodings.indices.sorted { (ranks[$0] ?? 0, $0) < (ranks[$1] ?? 0, $1) }
    }

    /// What a rid's name suggests, 0 the smallest; nil when it suggests nothing. Applications write q, h, f (quarter,
    /// half, full), l, m, h (low, medium, high) or numbers; their order in `a=simulcast` goes either way.
    public static func suggestedRank(ofRid rid: String) -> Int? {
        switch rid.lowercased() {
        case "q", "l", "lo", "low", "s", "small": 0
        case "m", "mid", "medium": 1
        // Half beside q and f, high beside l and m: the order is the same.
        case "h": 2
        case "f", "hi", "high", "large": 3
        default: rid.utf8.count <= 2 ? Int(rid) ?? Int(rid.dropFirst()) : nil
        }
    }
}
