import struct Foundation.Date

/// The host's wall clock.
enum HostWall {
    static let milliseconds: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }
}
