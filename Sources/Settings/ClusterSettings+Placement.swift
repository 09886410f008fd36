// Where workers are, what they are, and how they are chosen.
extension ClusterSettings {
    mutating func readPlacement(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("placement")
        let names = PlacementSettings.Strategy.allCases.map(\.rawValue).joined(separator: ", ")
        try section.parsed(
            "strategy", into: &placement.strategy, expecting: "one of \(names)", example: "power_of_two"
        ) {
            PlacementSettings.Strategy(rawValue: $0)
        }
        try section.labels(into: &placement.labels)
        try section.finish()
    }
}

extension SettingsReader {
    /// Bytes of a region's name, and of a label's and its value.
    private static var placeBytes: Int { 64 }
    /// Labels of one worker; the store refuses more.
    private static var labelCount: Int { 32 }

    mutating func region(into region: inout String) throws(SettingsError) {
        try parsed(
            "region", into: &region, expecting: "at most \(Self.placeBytes) letters, digits, dots, - and _",
            example: "eu-central"
        ) {
            $0.isEmpty || Self.isPlace($0) ? $0 : nil
        }
    }

    mutating func labels(into labels: inout [String: String]) throws(SettingsError) {
        try map("labels", into: &labels, example: "tier: gold")
        guard labels.count <= Self.labelCount else {
            throw error(
                "labels", line: line(of: "labels"),
                "\(labels.count) labels are too many; \(Self.labelCount) are the most",
                "Leave out those that nothing asks for")
        }
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            guard Self.isPlace(name), value.isEmpty || Self.isPlace(value) else {
                throw error(
                    "labels", line: line(of: "labels"),
                    "`\(name.prefix(80)): \(value.prefix(80))` is not a label: both sides have at most "
                        + "\(Self.placeBytes) letters, digits, dots, - and _",
                    "Write for example `tier: gold`")
            }
        }
    }

    private static func isPlace(_ text: String) -> Bool {
        (1...placeBytes).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }
}
