import Foundation
import Testing
import Wire

@testable import Session

private func decode(_ text: String) throws -> HeartbeatKey {
    try JSONDecoder().decode(HeartbeatKey.self, from: Data(text.utf8))
}

private func encode(_ key: HeartbeatKey) throws -> String {
    String(decoding: try JSONEncoder().encode(key), as: UTF8.self)
}

struct HeartbeatTests {
    private let w1 = WorkerID("w1")
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func key(_ seed: UInt64) -> HeartbeatKey {
        var random = SeededRandom(seed: seed)
        return HeartbeatKey(using: &random)
    }

    private func beat(_ sequence: UInt64, _ incarnation: String = "a", _ worker: String = "w1") -> DirectHeartbeat {
        DirectHeartbeat(worker: WorkerID(worker), incarnation: incarnation, sequence: sequence)
    }

    private func receive(_ bytes: [UInt8], _ ledger: inout HeartbeatLedger, at milliseconds: Int64 = 0)
        -> Result<DirectHeartbeat, HeartbeatDrop>
    {
        ledger.receive(unsafe bytes.span.bytes, now: start + .milliseconds(milliseconds))
    }

    @Test func whatIsSentIsHeardUnderItsKeyOnly() throws {
        let sent = beat(7, "6f0c", "eu/w1")
        let datagram = try #require(sent.datagram(key: key(1)))
        var ledger = HeartbeatLedger(key: key(1))
        var stranger = HeartbeatLedger(key: key(2))
        #expect(receive(datagram, &ledger) == .success(sent))
        #expect(receive(datagram, &stranger) == .failure(.forged))
        #expect(ledger.heard(since: start).map(\.incarnation) == ["6f0c"])
        #expect(stranger.heard(since: start).isEmpty && stranger.counts.dropped == ["forged": 1])
    }

    /// Made by Python's `hmac`, so that a release that speaks another way is noticed.
    @Test func theDatagramIsThatOfVersionOne() throws {
        let fixed = try decode(#""000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f""#)
        let datagram = try #require(beat(258).datagram(key: fixed))
        #expect(Hexadecimal.text(datagram) == Self.golden)
    }

    private static let golden = "415048420100020100000000000001027731614225574e9af48fada0bf773749b48541133cbcb1"

    @Test func everyFlippedBitIsNoticed() throws {
        let datagram = try #require(beat(1).datagram(key: key(1)))
        for bit in 0..<datagram.count * 8 {
            var other = datagram
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            var ledger = HeartbeatLedger(key: key(1))
            let result = receive(other, &ledger)
            guard case .failure = result else { return #expect(Bool(false), "bit \(bit) may be flipped") }
        }
    }

    @Test func whatIsNoHeartbeatIsDroppedForItsReason() throws {
        var ledger = HeartbeatLedger(key: key(1))
        let good = try #require(beat(1).datagram(key: key(1)))
        let alien = [UInt8](repeating: 0x5A, count: 60)
        func changed(_ index: Int, _ byte: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] = byte
            return bytes
        }
        let cases: [([UInt8], HeartbeatDrop)] = [
            ([], .wrongSize), (Array(good.dropLast()), .wrongSize), (good + [0], .wrongSize),
            ([UInt8](repeating: 0x41, count: 2000), .wrongSize), (changed(6, 0), .wrongSize),
            (changed(7, 255), .wrongSize), (alien, .foreign), (changed(4, 2), .wrongVersion),
            (changed(16, 0x20), .badName), (changed(8, 1), .forged),
        ]
        for (bytes, drop) in cases { #expect(receive(bytes, &ledger) == .failure(drop)) }
        let total = ledger.counts.dropped.values.reduce(0, +)
        #expect(total == UInt64(cases.count) && ledger.counts.heard == 0)
        #expect(receive(good, &ledger) == .success(beat(1)))
    }

    @Test func nothingIsHeardTwice() throws {
        var ledger = HeartbeatLedger(key: key(1))
        let datagrams = try (1...3).map { try #require(beat($0).datagram(key: key(1))) }
        #expect(receive(datagrams[1], &ledger, at: 0) == .success(beat(2)))
        #expect(receive(datagrams[1], &ledger, at: 400) == .failure(.repeated))
        #expect(receive(datagrams[0], &ledger, at: 400) == .failure(.repeated), "it was overtaken")
        #expect(ledger.heard(since: start + .milliseconds(100)).isEmpty, "a replay does not count as heard now")
        #expect(receive(datagrams[2], &ledger, at: 500) == .success(beat(3)))
        // Each incarnation counts for itself, and the former one's stay used up.
        let next = try #require(beat(1, "b").datagram(key: key(1)))
        #expect(receive(next, &ledger, at: 600) == .success(beat(1, "b")))
        #expect(receive(datagrams[2], &ledger, at: 600) == .failure(.repeated))
    }

    @Test func anyNumberOfSendersTakesBoundedRoom() throws {
        var ledger = HeartbeatLedger(key: key(1))
        for index in 0..<(Limits.heartbeatSenders + 10) {
            let datagram = try #require(beat(1, "i\(index)").datagram(key: key(1)))
            _ = receive(datagram, &ledger, at: Int64(index))
        }
        let heard = ledger.heard(since: start)
        #expect(heard.count == Limits.heartbeatSenders)
        #expect(!heard.contains { $0.incarnation == "i0" }, "those that were silent the longest go")
    }

    @Test func namesThatDoNotFitAreNotSent() {
        #expect(beat(1, "").datagram(key: key(1)) == nil)
        #expect(beat(1, "a", String(repeating: "w", count: 129)).datagram(key: key(1)) == nil)
        #expect(beat(1, "a", String(repeating: "w", count: 128)).datagram(key: key(1)) != nil)
    }

    @Test func aKeyShowsItselfNowhereButInItsCoding() throws {
        let key = key(1)
        let report = ControllerReport(
            id: ControllerID("c1"), incarnation: "a", processID: 1, host: "h", startedAt: 0,
            heartbeats: HeartbeatTarget(addresses: ["192.0.2.1:1"], key: key))
        var dumped = ""
        dump(report, to: &dumped)
        let digits = try encode(key).filter { $0 != "\"" }
        #expect(digits.count == 64)
        for text in ["\(report)", String(reflecting: report), dumped] {
            #expect(!text.contains(digits) && text.contains("(a key)"), "\(text)")
        }
        #expect(try decode(encode(key)) == key)
        #expect(throws: (any Error).self) { try decode("\"00\"") }
    }
}

struct HeartbeatTargetTests {
    private func report(_ id: String, _ addresses: [String], seed: UInt64 = 1) -> ControllerReport {
        var random = SeededRandom(seed: seed)
        return ControllerReport(
            id: ControllerID(id), incarnation: "a", processID: 1, host: "h", startedAt: 0,
            heartbeats: HeartbeatTarget(addresses: addresses, key: HeartbeatKey(using: &random)))
    }

    private func shown(_ targets: HeartbeatTargets) -> [[String]] { targets.all.map { $0.addresses.map(\.description) } }

    @Test func aStoreThatForgotTheControllersDoesNotEndTheHeartbeats() {
        var targets = HeartbeatTargets()
        targets.update([report("c2", ["192.0.2.2:5"]), report("c1", ["192.0.2.1:5", "[2001:db8::1]:5"])])
        #expect(shown(targets) == [["192.0.2.1:5", "[2001:db8::1]:5"], ["192.0.2.2:5"]])
        for _ in 1..<Limits.missedReads { targets.update([]) }
        #expect(targets.all.count == 2)
        targets.update([report("c1", ["192.0.2.1:5"])])
        #expect(shown(targets) == [["192.0.2.1:5"]], "one that stays away is given up")
    }

    @Test func aControllersNextLifeHasItsOwnKey() {
        var targets = HeartbeatTargets()
        targets.update([report("c1", ["192.0.2.1:5"])])
        let former = targets.all.first?.key
        targets.update([report("c1", ["192.0.2.1:6"], seed: 2)])
        #expect(shown(targets) == [["192.0.2.1:6"]])
        #expect(targets.all.first?.key != former)
    }

    @Test func aHostileStoreCannotHaveAWorkerFloodANetwork() {
        var targets = HeartbeatTargets()
        let many = (0..<100).map { "192.0.2.1:\($0 + 1)" }
        let odd = ["224.0.0.251:5353", "255.255.255.255:9", "0.0.0.0:1", "192.0.2.1:0", "nonsense", "[ff02::1]:1"]
        targets.update([report("c1", odd), report("c2", many)])
        #expect(shown(targets).map(\.count) == [0, Limits.addressesPerTarget])
        targets.update((0..<1000).map { report("x\($0)", ["192.0.2.1:1"]) })
        #expect(targets.all.count == Limits.heartbeatTargets)
        targets.update([
            ControllerReport(id: ControllerID("y"), incarnation: "a", processID: 1, host: "h", startedAt: 0)
        ])
        #expect(targets.all.count == Limits.heartbeatTargets, "one that hears nobody is no target")
    }
}
