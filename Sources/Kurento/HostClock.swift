import Foundation
import Wire

/// Production's sources of time and identifiers.
enum HostClock {
    private static let start = ContinuousClock.now

    static let monotonic: @Sendable () -> Instant = {
        let elapsed = (ContinuousClock.now - start).components
        let nanoseconds = elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000
        return Instant(nanoseconds: UInt64(max(1, nanoseconds)))
    }

    static let wallMilliseconds: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }

    static let drawUUID: @Sendable () -> String = { UUID().uuidString.lowercased() }
}
