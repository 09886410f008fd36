import Testing
import Wire

@testable import SRTP

@Suite struct Replays {
    @Test(arguments: Profile.allCases) func aPacketIsTakenOnce(_ profile: Profile) throws {
        let key = try masterKey(profile)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        let plain = rtpPacket(ssrc: 7, sequence: 100, payload: [1, 2, 3])
        let sealed = try sender.rtp(plain)
        #expect(sealed.count == plain.count + profile.tagLength)
        #expect(try receiver.rtp(sealed) == plain)
        #expect(throws: DropReason.srtpReplayed) { try receiver.rtp(sealed) }
        let report = rtcpPacket(ssrc: 7, body: [1, 2, 3, 4])
        let sealedReport = try sender.rtcp(report)
        #expect(try receiver.rtcp(sealedReport) == report)
        #expect(throws: DropReason.srtpReplayed) { try receiver.rtcp(sealedReport) }
    }

    @Test func theWindowReachesBack1024PacketsAndNoFurther() throws {
        let key = try masterKey(.aeadAES128GCM)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        let sealed = try (0..<1100).map { try sender.rtp(rtpPacket(ssrc: 7, sequence: UInt16($0), payload: [9])) }
        _ = try receiver.rtp(sealed[1099])
        #expect(throws: DropReason.srtpTooOld) { try receiver.rtp(sealed[75]) }
        _ = try receiver.rtp(sealed[76])
        #expect(throws: DropReason.srtpReplayed) { try receiver.rtp(sealed[76]) }
        for index in 77..<1099 { _ = try receiver.rtp(sealed[index]) }
        for index in 76..<1100 { #expect(throws: DropReason.srtpReplayed) { try receiver.rtp(sealed[index]) } }
    }

    @Test func replaysAcrossTheSequenceWrapAreRefusedAndLatePacketsTaken() throws {
        let key = try masterKey(.aes128CMSHA180)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        var sealed: [[UInt8]] = []
        for step in 0..<200 {
            sealed.append(try sender.rtp(rtpPacket(ssrc: 7, sequence: 65_436 &+ UInt16(step), payload: [UInt8(step)])))
        }
        for index in sealed.indices where index != 50 { _ = try receiver.rtp(sealed[index]) }
        #expect(receiver.state.pointee.highestIndex(of: 7) == 65_436 + 199)
        _ = try receiver.rtp(sealed[50])
        for packet in sealed { #expect(throws: DropReason.srtpReplayed) { try receiver.rtp(packet) } }
    }

    @Test(arguments: Profile.allCases) func aTamperedPacketIsRefusedAndChangesNothing(_ profile: Profile) throws {
        let key = try masterKey(profile)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        _ = try receiver.rtp(sender.rtp(rtpPacket(ssrc: 7, sequence: 1, payload: [1])))
        _ = try receiver.rtcp(sender.rtcp(rtcpPacket(ssrc: 7, body: [])))
        let before = receiver.stateBytes
        let plain = rtpPacket(ssrc: 7, sequence: 30_000, payload: [1, 2, 3, 4], csrcs: 1, extensionWords: 1)
        let sealed = try sender.rtp(plain)
        let report = try sender.rtcp(rtcpPacket(ssrc: 7, body: [1, 2, 3, 4]))
        for bit in 0..<(sealed.count * 8) {
            var forged = sealed
            forged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: DropReason.self) { try receiver.rtp(forged) }
        }
        for bit in 0..<(report.count * 8) {
            var forged = report
            forged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: DropReason.self) { try receiver.rtcp(forged) }
        }
        for length in 0..<sealed.count {
            #expect(throws: DropReason.self) { try receiver.rtp(Array(sealed.prefix(length))) }
            #expect(throws: DropReason.self) { try receiver.rtcp(Array(report.prefix(min(length, report.count - 1)))) }
        }
        #expect(receiver.stateBytes == before)
        _ = try receiver.rtp(sealed)
        _ = try receiver.rtcp(report)
    }

    @Test func headersThatLieAboutTheirLengthAreMalformed() throws {
        let key = try masterKey(.aeadAES128GCM)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        var packet = rtpPacket(ssrc: 7, sequence: 1, payload: [1, 2, 3, 4], extensionWords: 1)
        packet[15] = 200
        #expect(throws: DropReason.srtpMalformed) { try sender.rtp(packet) }
        #expect(throws: DropReason.srtpMalformed) { try receiver.rtp(packet + [UInt8](repeating: 0, count: 16)) }
        packet = rtpPacket(ssrc: 7, sequence: 1, payload: [])
        packet[0] |= 15
        #expect(throws: DropReason.srtpMalformed) { try sender.rtp(packet) }
        packet[0] = 0x40
        #expect(throws: DropReason.srtpMalformed) { try sender.rtp(packet) }
        #expect(throws: DropReason.srtpMalformed) { try sender.rtcp([0x80, 200, 0, 1, 0, 0, 0]) }
        let good = rtpPacket(ssrc: 7, sequence: 1, payload: [1])
        #expect(throws: DropReason.srtpBufferTooSmall) { try sender.rtp(good, room: 19) }
    }

    @Test func plainSRTCPIsRefused() throws {
        let key = try masterKey(.aes128CMSHA180)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        var report = try sender.rtcp(rtcpPacket(ssrc: 7, body: [1, 2, 3, 4]))
        report[12] &= 0x7F
        #expect(throws: DropReason.srtpMalformed) { try receiver.rtcp(report) }
    }
}

@Suite struct Tables {
    @Test func forgedSSRCsTakeNoSlotAndTooManyRealOnesAreRefused() throws {
        let key = try masterKey(.aeadAES128GCM)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        for ssrc in UInt32(1)...100 {
            let forged = rtpPacket(ssrc: ssrc, sequence: 1, payload: [UInt8](repeating: 0, count: 40))
            #expect(throws: DropReason.srtpBadTag) { try receiver.rtp(forged) }
        }
        #expect(receiver.state.pointee.streamCount == 0)
        for ssrc in UInt32(1)...32 {
            _ = try receiver.rtp(sender.rtp(rtpPacket(ssrc: ssrc, sequence: 1, payload: [])))
        }
        let next = try sender.rtp(rtpPacket(ssrc: 33, sequence: 1, payload: []))
        #expect(throws: DropReason.srtpTooManyStreams) { try receiver.rtp(next) }
        for ssrc in UInt32(34)...64 { _ = try sender.rtp(rtpPacket(ssrc: ssrc, sequence: 1, payload: [])) }
        #expect(throws: DropReason.srtpTooManyStreams) { try sender.rtp(rtpPacket(ssrc: 65, sequence: 1, payload: [])) }
        #expect(throws: DropReason.srtpTooManyStreams) { try sender.rtcp(rtcpPacket(ssrc: 65, body: [])) }
        _ = try receiver.rtp(sender.rtp(rtpPacket(ssrc: 32, sequence: 2, payload: [])))
    }

    @Test func zeroedMemoryHoldsNoKey() {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<OutboundState>.size, alignment: 16)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<OutboundState>.size)
        defer { bytes.deallocate() }
        let state = bytes.assumingMemoryBound(to: OutboundState.self)
        #expect(throws: SRTPError.noKey) { _ = try OutboundContext(resuming: state) }
        #expect(state.pointee.streamCount == 0)
    }
}
