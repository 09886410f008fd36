import Foundation

/// CPU time of a process and all that descend from it, from /proc.
public enum ServerProcess {
    public struct Sample: Sendable, Hashable {
        /// Seconds, by process.
        var times: [Int32: (user: Double, system: Double)]

        public static func == (left: Sample, right: Sample) -> Bool {
            left.times.count == right.times.count
                && left.times.allSatisfy { right.times[$0].map { [$0.user, $0.system] } == [$1.user, $1.system] }
        }

        public func hash(into hasher: inout Hasher) { hasher.combine(times.count) }

        /// What was used between `earlier` and this; a process that is new counts from its start.
        public func since(_ earlier: Sample) -> LoadReport.Server {
            var server = LoadReport.Server()
            server.processes = times.count
            for (process, time) in times {
                let before = earlier.times[process] ?? (0, 0)
                server.userTime += max(0, time.user - before.user)
                server.systemTime += max(0, time.system - before.system)
            }
            return server
        }
    }

    /// nil when there is no such process.
    public static func sample(root: Int32) -> Sample? {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var stats: [Int32: (parent: Int32, user: Double, system: Double)] = [:]
        for entry in entries {
            guard let process = Int32(entry),
                let text = try? String(contentsOfFile: "/proc/\(entry)/stat", encoding: .utf8),
                let stat = parse(text)
            else { continue }
            stats[process] = stat
        }
        guard stats[root] != nil else { return nil }
        var times: [Int32: (user: Double, system: Double)] = [:]
        var waiting = [root]
        while let process = waiting.popLast() {
            guard times[process] == nil, let stat = stats[process] else { continue }
            times[process] = (stat.user, stat.system)
            waiting += stats.filter { $0.value.parent == process }.map(\.key)
        }
        return Sample(times: times)
    }

    /// Parent, utime and stime of a line of /proc/PID/stat (proc(5)). The command may hold anything, also spaces
    /// and parentheses.
    static func parse(_ text: String) -> (parent: Int32, user: Double, system: Double)? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 12, let parent = Int32(fields[1]), let user = Double(fields[11]),
            let system = Double(fields[12])
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        return (parent, user / ticks, system / ticks)
    }
}
