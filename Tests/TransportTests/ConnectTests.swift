import DTLS
import ICE
import SRTP
import Testing
import Wire

@testable import Transport

@Suite struct ConnectTests {
    @Test(arguments: [false, true]) func connectsAndCarriesMediaBothWays(leftIsDTLSClient: Bool) throws {
        let pair = TransportPair()
        try pair.signal(leftIsDTLSClient: leftIsDTLSClient)
        #expect(pair.send(rtpPacket(0), toRight: true) != nil, "nothing is sent before there is a path and a key")
        #expect(pair.run(for: .seconds(10)) { $0.areConnected })
        #expect(pair.now < Instant(nanoseconds: 1_000_000_000) + .milliseconds(500), "took \(pair.now)")
        for sequence in UInt16(1)...50 { #expect(pair.mediaFlows(sequence)) }
        for side in [pair.left, pair.right] {
            #expect(side.phases == [.connecting, .connected])
            #expect(side.iceStates.last == .completed)
            #expect(side.srtpProfile == .aeadAES128GCM)
        }
        #expect(pair.left.selectedTuple?.remote == TransportPair.rightAddress)
        #expect(pair.right.selectedTuple?.remote == TransportPair.leftAddress)
    }

    @Test func aTransportWithNothingToDoHasNoDeadlineOfTheHandshake() throws {
        let pair = try TransportPair.connected()
        // Only consent is left to be kept: 4 s at least from the last check.
        #expect(pair.left.deadline > pair.now + .seconds(1))
        #expect(pair.left.nextTransmit() == nil && pair.left.nextEvent() == nil)
    }

    /// Loss, reordering and duplication, each seed its own mix: all connect, all carry what arrives, none
    /// gives out a packet twice.
    @Test(arguments: UInt64(1)...100) func everySeedOfTheSwarmConnects(seed: UInt64) throws {
        let pair = TransportPair(seed: seed)
        pair.loss = pair.random.next() % 25
        pair.duplication = pair.random.next() % 30
        pair.delay = .milliseconds(Int64(pair.random.next() % 100))
        pair.jitter = .milliseconds(1 + Int64(pair.random.next() % 80))
        try pair.signal(leftIsDTLSClient: pair.random.next() % 2 == 0)
        #expect(pair.run(for: .seconds(30)) { $0.areConnected }, "\(pair.left.iceState)")
        let count = UInt16(40)
        for sequence in 0..<count {
            pair.send(rtpPacket(sequence), toRight: true)
            pair.send(rtpPacket(sequence), toRight: false)
            pair.run(for: .milliseconds(20))
        }
        pair.run(for: .seconds(1))
        let sent = (0..<count).map { rtpPacket($0) }
        for side in [pair.left, pair.right] {
            #expect(Set(side.rtp).count == side.rtp.count, "a packet came out twice")
            #expect(Set(side.rtp).isSubset(of: Set(sent)))
            #expect(side.rtp.count >= Int(count) / 2)
            // Lateness and duplicates are all that the wire did to media.
            let surprises = Set(side.drops).subtracting([
                .srtpReplayed, .stunUnexpectedResponse, .stunUnknownUser, .dtlsFromUnvalidatedTuple, .dtlsUnexpected,
                .dtlsMalformed, .srtpNotReady,
            ])
            #expect(surprises.isEmpty, "\(surprises)")
        }
    }

    @Test func theSameSeedGivesTheSameRun() throws {
        let runs = try (0..<2).map { _ in
            let pair = try TransportPair.connected(seed: 7)
            // DTLS draws from OpenSSL; everything else is ours.
            return pair.carried.filter { $0.bytes[0] < 4 }.map(\.bytes)
        }
        #expect(runs[0] == runs[1] && !runs[0].isEmpty)
    }

    @Test func aFingerprintMismatchNeverYieldsMedia() throws {
        for leftIsDTLSClient in [true, false] {
            let pair = TransportPair()
            try pair.signal(
                leftIsDTLSClient: leftIsDTLSClient, leftExpects: Certificates.stranger.fingerprint)
            pair.run(for: .seconds(40)) { pair in
                // Media is tried at every moment: there is none at which it gets through.
                _ = pair.send(rtpPacket(UInt16(truncatingIfNeeded: pair.carried.count)), toRight: true)
                return false
            }
            #expect(!pair.left.isConnected && !pair.right.isConnected)
            #expect(pair.left.dtlsPhase == .failed)
            #expect(!pair.left.phases.contains(.connected))
            #expect(pair.left.rtp.isEmpty && pair.right.rtp.isEmpty)
            #expect(pair.left.record.pointee.outbound.profile == nil)
            #expect(pair.left.record.pointee.inbound.profile == nil)
            #expect(pair.right.record.pointee.outbound.profile == nil, "who was told goodbye keeps no key")
            #expect(throws: DropReason.srtpNotReady) { _ = try pair.left.protect(rtpPacket(1)) }
        }
    }
}
