import Testing

/// The control plane takes the time from `ClusterClock` alone, so that it can be simulated.
@Suite struct ClockTests {
    static let forbidden = ["Task.sleep", "Task.yield", "ContinuousClock.now", "ContinuousClock()", "Date()"]
    /// They own sockets, or are the clock.
    static let exempt: Set = ["NameResolver.swift", "ClusterClock.swift", "HostWall.swift"]

    @Test func theControlPlaneAsksNoOtherClock() {
        var violations: [Violation] = []
        for module in ["Controller", "Worker", "Store"] {
            for file in Repository.files(ofModule: module) {
                let name = file.path.split(separator: "/").last.map(String.init) ?? ""
                guard !Self.exempt.contains(name), !name.hasPrefix("Redis") else { continue }
                for (index, line) in file.code.enumerated() {
                    for word in Self.forbidden where line.contains(word) {
                        violations.append(file.violation(index + 1, "\(word) is not of ClusterClock"))
                    }
                }
            }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }
}
