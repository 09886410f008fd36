import Foundation

/// What `/proc` tells of a process. Parsing is apart from reading, so that it can be tested.
public struct ProcessSample: Sendable, Hashable {
    public var parent: Int32
    /// User and system time in clock ticks since the process began, its ended threads' included.
    public var userTicks: UInt64
    public var systemTicks: UInt64
    public var threads: Int
    /// Clock ticks after boot: with the process id it names one process for ever.
    public var startTicks: UInt64

    /// Parses `/proc/PID/stat` (proc(5)). Nil when it is none. The second field, the name, may hold anything,
    /// parentheses and spaces as well; the last `)` ends it.
    public init?(stat: String) {
        guard let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
        // Field 3 of proc(5) is the first here.
        guard fields.count > 19, let parent = Int32(fields[1]), let user = UInt64(fields[11]),
            let system = UInt64(fields[12]), let threads = Int(fields[17]), let start = UInt64(fields[19])
        else { return nil }
        self.parent = parent
        userTicks = user
        systemTicks = system
        self.threads = threads
        startTicks = start
    }

    /// The clock ticks of the first line of `/proc/stat` (proc(5)) that were neither idle nor spent on waiting for a
    /// disk; what the host took from a virtual machine counts. Nil when it is none.
    public static func busyTicks(inStat stat: String) -> UInt64? {
        let words = stat.prefix { $0 != "\n" }.split(separator: " ")
        let ticks = words.dropFirst().prefix(8).compactMap { UInt64($0) }
        guard words.first == "cpu", ticks.count == 8 else { return nil }
        // user nice system idle iowait irq softirq steal
        return ticks.reduce(0, +) - ticks[3] - ticks[4]
    }

    /// Bytes of a `kB` line in `/proc/PID/status`, such as `VmRSS`. Nil when it is not there.
    public static func bytes(_ name: String, inStatus status: String) -> UInt64? {
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
            let words = line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace)
            guard words.count == 2, words[1] == "kB", let value = UInt64(words[0]) else { return nil }
            return value * 1_024
        }
        return nil
    }
}

/// User and system time in seconds.
public struct CPUTime: Sendable, Codable, Hashable {
    public var user: Double
    public var system: Double

    public init(user: Double = 0, system: Double = 0) {
        self.user = user
        self.system = system
    }

    public var total: Double { user + system }

    static func + (left: Self, right: Self) -> Self {
        Self(user: left.user + right.user, system: left.system + right.system)
    }

    public static func - (left: Self, right: Self) -> Self {
        Self(user: left.user - right.user, system: left.system - right.system)
    }
}

/// Reads `/proc` of this machine.
package enum ProcessTable {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    static func sample(_ process: Int32) -> ProcessSample? {
        text("/proc/\(process)/stat").flatMap { ProcessSample(stat: $0) }
    }

    /// CPU time of one process since it began; zero when it is gone.
    package static func time(_ process: Int32) -> CPUTime {
        guard let sample = sample(process) else { return CPUTime() }
        return CPUTime(
            user: Double(sample.userTicks) / ticksPerSecond, system: Double(sample.systemTicks) / ticksPerSecond)
    }

    package static func time(_ processes: [Int32]) -> CPUTime {
        processes.reduce(CPUTime()) { $0 + time($1) }
    }

    /// Seconds that the processors were busy since the machine began, whoever it was.
    package static var busyTime: Double {
        let text = text("/proc/stat") ?? ""
        return ProcessSample.busyTicks(inStat: text).map { Double($0) / ticksPerSecond } ?? 0
    }

    /// Resident memory in bytes.
    static func residentMemory(_ process: Int32) -> UInt64? {
        text("/proc/\(process)/status").flatMap { ProcessSample.bytes("VmRSS", inStatus: $0) }
    }

    /// `root` and what descends from it.
    static func tree(_ root: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [Int32]] = [:]
        for process in names.compactMap({ Int32($0) }) {
            guard let sample = sample(process) else { continue }
            children[sample.parent, default: []].append(process)
        }
        var found = [root]
        var next = 0
        while next < found.count {
            found += children[found[next]] ?? []
            next += 1
        }
        return found
    }

    /// The command line of a process, by its arguments.
    static func arguments(_ process: Int32) -> [String] {
        (text("/proc/\(process)/cmdline") ?? "").split(separator: "\0").map(String.init)
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
