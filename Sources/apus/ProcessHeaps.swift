import CLinux

/// Where a process that runs for long takes its memory from.
enum ProcessHeaps {
    /// All threads share two heaps.
    ///
    /// Threads come and go, and glibc has up to eight heaps for each processor, so that they need not wait for each
    /// other: what is free in one is of no use in the others. After three minutes of `Benchmarks/Soak` a media process
    /// had 88 MiB with two heaps, and 99 MiB with as many as there may be, which then went up and down by a tenth.
    static func share() { apus_limit_heaps(2) }
}
