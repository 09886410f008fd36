import CLinux
import Wire

/// The host's clocks.
enum LoadClock {
    static var now: Instant { Instant(nanoseconds: apus_monotonic_ns()) }
    static var wall: UInt64 { apus_wall_clock_ns() }
    static var threadCPU: UInt64 { apus_thread_cpu_ns() }

    static func entropy() -> UInt64 {
        var word: UInt64 = 0
        let result = unsafe withUnsafeMutableBytes(of: &word) { bytes in
            guard let base = bytes.baseAddress else { return Int32(-1) }
            return unsafe apus_entropy(base, bytes.count)
        }
        precondition(result == 0, "the kernel has no entropy to give")
        return word
    }
}
