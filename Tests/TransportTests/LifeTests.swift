import DTLS
import ICE
import Testing
import Wire

@testable import SRTP
@testable import Transport

@Suite struct LifeTests {
    @Test func closingSaysGoodbyeAndThePeerReportsIt() throws {
        let pair = try TransportPair.connected()
        pair.left.transport.close(now: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.left.phases.last == .closed && pair.left.iceStates.last == .closed)
        #expect(pair.right.phases.last == .closed, "close_notify did not arrive")
        #expect(!pair.right.isConnected)
        #expect(throws: DropReason.consentExpired) { _ = try pair.left.protect(rtpPacket(1)) }
        #expect(throws: DropReason.srtpNotReady) { _ = try pair.right.protect(rtpPacket(1)) }
        let carried = pair.carried.count
        pair.left.transport.advance(to: pair.now + .seconds(60))
        pair.drain()
        #expect(pair.carried.count == carried, "a closed transport is silent")
        #expect(pair.left.deadline == .distantFuture)
        #expect(pair.left.record.pointee.path.tuple == nil && pair.left.record.pointee.outbound.profile == nil)
    }

    @Test func anErasedRecordIsAllZero() throws {
        let pair = try TransportPair.connected()
        for number in 1...5 { #expect(pair.mediaFlows(UInt16(number))) }
        let record = pair.left.record
        let bytes = UnsafeRawBufferPointer(start: record, count: MemoryLayout<TransportRecord>.stride)
        #expect(record.pointee.outbound.streamCount > 0 && record.pointee.inbound.streamCount > 0)
        TransportRecord.erase(record)
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    @Test func closingTwiceOrBeforeAnythingHappenedIsQuiet() throws {
        let pair = TransportPair()
        pair.left.transport.close(now: pair.now)
        pair.left.transport.close(now: pair.now)
        pair.drain()
        #expect(pair.carried.isEmpty)
        #expect(pair.left.iceStates == [.closed] && pair.left.phases == [.closed])
    }

    @Test func anICERestartKeepsTheAssociationAndTheKeys() throws {
        let pair = try TransportPair.connected()
        #expect(pair.mediaFlows(1))
        let key = pair.left.record.pointee.outbound.masterKey
        let handshakes = pair.carried.count { (20...63).contains($0.bytes[0]) }
        let oldUfrag = pair.left.record.pointee.localUfrag.text
        pair.left.restart(random: &pair.random, now: pair.now)
        pair.right.restart(random: &pair.random, now: pair.now)
        #expect(pair.mediaFlows(2), "media stays on the old path meanwhile")
        try pair.signal()
        #expect(pair.run(for: .seconds(5)) { $0.left.iceState == .completed })
        #expect(pair.mediaFlows(3))
        #expect(pair.left.phases == [.connecting, .connected] && pair.right.phases == [.connecting, .connected])
        #expect(pair.carried.count { (20...63).contains($0.bytes[0]) } == handshakes, "no new handshake")
        #expect(pair.left.record.pointee.outbound.masterKey.key == key.key)
        #expect(pair.left.record.pointee.localUfrag.text != oldUfrag)
        #expect(pair.left.record.pointee.localUfrag.text == pair.left.credentials.ufrag)
        #expect(pair.right.record.pointee.remoteUfrag.text == pair.left.credentials.ufrag)
        #expect(pair.right.record.pointee.remotePassword.text == pair.left.credentials.password)
        // It is the very association that still speaks: another could not say this goodbye.
        pair.left.transport.close(now: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.right.phases.last == .closed)
    }

    @Test func aNewAddressOfThePeerIsFollowed() throws {
        let pair = try TransportPair.connected()
        pair.run(for: .seconds(3))
        let outside = address("203.0.113.7", 61_000)
        pair.leftOutside = outside
        // The NAT forgot the old mapping: nothing that goes there arrives. Left sends on, knowing nothing.
        let isFollowed = pair.run(for: .seconds(20)) { $0.right.selectedTuple?.remote == outside }
        #expect(isFollowed)
        #expect(pair.mediaFlows(9))
        #expect(pair.right.record.pointee.path.tuple?.remote == outside)
        #expect(pair.right.phases == [.connecting, .connected])
    }

    @Test func nothingIsSentOnceConsentExpired() throws {
        let pair = try TransportPair.connected()
        pair.isCut = true
        pair.run(for: .seconds(20))
        #expect(pair.send(rtpPacket(1), toRight: true) == nil, "consent lasts 30 s (RFC 7675)")
        pair.run(for: .seconds(20))
        for side in [pair.left, pair.right] {
            #expect(side.iceState == .failed)
            #expect(!side.isConnected)
            #expect(side.record.pointee.path.tuple == nil, "a successor would send without consent")
            #expect(throws: DropReason.consentExpired) { _ = try side.protect(rtpPacket(2)) }
            #expect(throws: DropReason.consentExpired) { _ = try side.protect(receiverReport(), isRTCP: true) }
        }
        pair.isCut = false
        #expect(pair.send(rtpPacket(3), toRight: true) == .consentExpired)
        // Only a restart gives consent anew (RFC 7675 section 5.1); the keys still do.
        pair.left.restart(random: &pair.random, now: pair.now)
        pair.right.restart(random: &pair.random, now: pair.now)
        try pair.signal()
        #expect(pair.run(for: .seconds(5)) { $0.areConnected })
        #expect(pair.mediaFlows(4))
    }

    @Test func theRecordHoldsWhatASuccessorNeeds() throws {
        let pair = TransportPair()
        let record = pair.left.record
        #expect(record.pointee.version == TransportRecord.currentVersion)
        #expect(record.pointee.localUfrag.text == pair.left.credentials.ufrag)
        #expect(record.pointee.localPassword.text == pair.left.credentials.password)
        #expect(record.pointee.remoteUfrag.text.isEmpty && record.pointee.path.tuple == nil)
        try pair.signal()
        #expect(record.pointee.remoteUfrag.text == pair.right.credentials.ufrag)
        #expect(record.pointee.remotePassword.text == pair.right.credentials.password)
        #expect(pair.run(for: .seconds(10)) { $0.left.record.pointee.path.tuple != nil })
        #expect(record.pointee.path.tuple == pair.left.selectedTuple)
        #expect(pair.run(for: .seconds(10)) { $0.areConnected })
        #expect(record.pointee.outbound.profile == .aeadAES128GCM && record.pointee.inbound.profile == .aeadAES128GCM)
        #expect(record.pointee.outbound.highestIndex(of: 0x11) == nil)
        for sequence in UInt16(0xFFFE)...0xFFFF { #expect(pair.mediaFlows(sequence)) }
        #expect(pair.mediaFlows(0))
        #expect(record.pointee.outbound.highestIndex(of: 0x11) == 0x1_0000)
        #expect(record.pointee.inbound.highestIndex(of: 0x11) == 0x1_0000)
        #expect(record.pointee.outbound.highestIndexRTCP(of: 0x11) == 3)
    }

    @Test func aSuccessorWithTheRecordGoesOnWhereItStopped() throws {
        let pair = try TransportPair.connected()
        for sequence in UInt16(0xFFFF)...0xFFFF { #expect(pair.mediaFlows(sequence)) }
        #expect(pair.mediaFlows(0))
        var copy = pair.left.record.pointee
        var outbound = try withUnsafeMutablePointer(to: &copy.outbound) { try OutboundContext(resuming: $0) }
        var buffer = rtpPacket(200) + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let length = try outbound.protectRTP(&raw, length: 16)
        let drop = pair.right.receive(Array(buffer[..<length]), from: TransportPair.leftAddress, now: pair.now)
        #expect(drop == nil && pair.right.rtp.last == rtpPacket(200))
    }

    @Test func candidatesMayComeBeforeTheAnswer() throws {
        let pair = TransportPair()
        let early = pair.left.transport.addRemoteCandidate(
            Candidate.host(address: pair.right.local, socket: 0).sdp, now: pair.now)
        #expect(early == .queued)
        try pair.left.negotiate(with: pair.right, isDTLSClient: true, now: pair.now)
        try pair.right.negotiate(with: pair.left, isDTLSClient: false, now: pair.now)
        #expect(pair.run(for: .seconds(10)) { $0.areConnected })
        #expect(pair.mediaFlows(1))
    }
}
