import SimulatedMedia
import Testing
import Wire

/// The watcher of a call finds what it is there for.
@Suite struct MediaMonitorTests {
    let a = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 1)
    let b = SocketAddress(ip: IPAddress(ipv4: 0xC000_0202), port: 2)

    private func stun(_ type: UInt8, _ transaction: UInt8) -> [UInt8] {
        [type, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: transaction, count: 12)
    }

    private func rtp(_ sequence: UInt16, _ content: UInt8 = 0) -> [UInt8] {
        [0x80, 111, UInt8(sequence >> 8), UInt8(sequence & 0xFF), 0, 0, 0, 0, 0, 0, 0, 7]
            + [UInt8](repeating: content, count: 40)
    }

    private func consented(_ monitor: MediaMonitor) {
        monitor.sends(stun(0, 5), from: a, to: b, process: 0, now: .origin)
        monitor.receives(stun(1, 5), at: a, from: b, isLite: false, now: .origin)
    }

    @Test func mediaWithoutConsentIsSeen() {
        let monitor = MediaMonitor()
        monitor.sends(rtp(1), from: a, to: b, process: 0, now: .origin)
        #expect(monitor.violationCount == 1)
        monitor.receives(stun(1, 9), at: a, from: b, isLite: false, now: .origin)
        monitor.sends(rtp(2), from: a, to: b, process: 0, now: .origin)
        #expect(monitor.violationCount == 2, "an answer that nobody asked for is no consent")
        consented(monitor)
        monitor.sends(rtp(3), from: a, to: b, process: 0, now: .origin + .seconds(30))
        #expect(monitor.violationCount == 2)
        monitor.sends(rtp(4), from: a, to: b, process: 0, now: .origin + .milliseconds(30_001))
        #expect(monitor.violationCount == 3)
    }

    @Test func anIndexForTwoPacketsIsSeen() {
        let monitor = MediaMonitor()
        consented(monitor)
        for sequence in [65_534, 65_535, 0, 1, 65_535] as [UInt16] {
            monitor.sends(rtp(sequence), from: a, to: b, process: 0, now: .origin)
        }
        #expect(monitor.violationCount == 0, "the same packet again is no harm")
        monitor.sends(rtp(65_535, 1), from: a, to: b, process: 0, now: .origin)
        #expect(monitor.violationCount == 1)
        #expect(monitor.violations.first?.contains("I12") == true)
    }
}

extension MediaMonitor {
    fileprivate func sends(
        _ bytes: [UInt8], from local: SocketAddress, to remote: SocketAddress, process: Int, now: Instant
    ) {
        sends(bytes.span.bytes, from: local, to: remote, process: process, now: now)
    }

    fileprivate func receives(
        _ bytes: [UInt8], at local: SocketAddress, from remote: SocketAddress, isLite: Bool, now: Instant
    ) {
        receives(bytes.span.bytes, at: local, from: remote, isLite: isLite, now: now)
    }
}
