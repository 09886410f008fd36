/// Finds what somebody may have meant who wrote a word that is none.
public enum Spelling {
    /// The nearest of `known`, if it is near: two edits away, or one in three characters.
    public static func nearest(_ word: String, of known: [String]) -> String? {
        let distances = known.map { distance($0, word) }
        guard let index = distances.indices.min(by: { distances[$0] < distances[$1] }),
            distances[index] <= max(2, word.count / 3)
        else { return nil }
        return known[index]
    }

    /// Levenshtein's edit distance, in characters.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (character == right[j] ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
