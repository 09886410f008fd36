import Testing
import Wire

@testable import SRTP

@Suite struct Indices {
    @Test func aSequenceNumberIsNotSentTwice() throws {
        let sender = try Sender(masterKey(.aeadAES128GCM))
        _ = try sender.rtp(rtpPacket(ssrc: 7, sequence: 5, payload: [1]))
        _ = try sender.rtp(rtpPacket(ssrc: 7, sequence: 7, payload: [1]))
        _ = try sender.rtp(rtpPacket(ssrc: 7, sequence: 6, payload: [1]))
        for sequence in UInt16(5)...7 {
            #expect(throws: DropReason.srtpReplayed) {
                try sender.rtp(rtpPacket(ssrc: 7, sequence: sequence, payload: [2]))
            }
        }
        _ = try sender.rtp(rtpPacket(ssrc: 8, sequence: 5, payload: [1]))
    }

    @Test(arguments: Profile.allCases)
    func aPacketAskedForAgainIsTheSameBytes(_ profile: Profile) throws {
        let sender = try Sender(masterKey(profile))
        var sealed: [[UInt8]] = []
        let packets = (UInt16(65_530)...65_535).map { rtpPacket(ssrc: 7, sequence: $0, payload: [1, 2, 3]) }
            + (UInt16(0)...3).map { rtpPacket(ssrc: 7, sequence: $0, payload: [4, 5]) }
        for packet in packets { sealed.append(try sender.rtp(packet)) }
        for (packet, first) in zip(packets, sealed) { #expect(try sender.repeated(packet) == first) }
        #expect(throws: DropReason.srtpTooOld) {
            try sender.repeated(rtpPacket(ssrc: 7, sequence: 4, payload: [1]))
        }
    }

    @Test(arguments: Profile.allCases)
    func aSuccessorGoesOnWithoutRepeatingAnIndex(_ profile: Profile) throws {
        let key = try masterKey(profile)
        let (first, receiver) = (try Sender(key), try Receiver(key))
        var used: Set<UInt64> = []
        var sequence: UInt16 = 65_500
        for _ in 0..<60 {
            _ = try receiver.rtp(first.rtp(rtpPacket(ssrc: 7, sequence: sequence, payload: [1])))
            #expect(used.insert(try #require(first.state.pointee.highestIndex(of: 7))).inserted)
            _ = try receiver.rtcp(first.rtcp(rtcpPacket(ssrc: 7, body: [])))
            sequence &+= 1
        }
        let second = try Sender(takingOver: first)
        let heir = try Receiver(takingOver: receiver)
        for step in UInt16(1)...60 {
            #expect(throws: DropReason.srtpReplayed) {
                try second.rtp(rtpPacket(ssrc: 7, sequence: sequence &- step, payload: [2]))
            }
        }
        for _ in 0..<60 {
            let plain = rtpPacket(ssrc: 7, sequence: sequence, payload: [3])
            #expect(try heir.rtp(second.rtp(plain)) == plain)
            #expect(used.insert(try #require(second.state.pointee.highestIndex(of: 7))).inserted)
            sequence &+= 1
        }
        _ = try heir.rtcp(second.rtcp(rtcpPacket(ssrc: 7, body: [])))
        #expect(second.state.pointee.highestIndexRTCP(of: 7) == 61)
    }

    @Test func aSuccessorOfTheReceiverStillRefusesReplays() throws {
        let key = try masterKey(.aes128CMSHA180)
        let (sender, receiver) = (try Sender(key), try Receiver(key))
        let sealed = try sender.rtp(rtpPacket(ssrc: 7, sequence: 5, payload: [1]))
        _ = try receiver.rtp(sealed)
        #expect(throws: DropReason.srtpReplayed) { try Receiver(takingOver: receiver).rtp(sealed) }
    }

    @Test func theLastIndexIsTheLast() throws {
        let sender = try Sender(masterKey(.aeadAES128GCM))
        _ = try sender.rtp(rtpPacket(ssrc: 7, sequence: 5, payload: [1]))
        _ = try sender.rtcp(rtcpPacket(ssrc: 7, body: []))
        sender.state.pointee.streams[0].rtp = ReplayWindow()
        sender.state.pointee.streams[0].rtp.insert(Limits.lastIndex - 1)
        sender.state.pointee.streams[0].rtcp = Limits.lastIndexRTCP - 1
        _ = try sender.rtp(rtpPacket(ssrc: 7, sequence: 65_535, payload: [1]))
        #expect(throws: DropReason.srtpIndexExhausted) {
            try sender.rtp(rtpPacket(ssrc: 7, sequence: 0, payload: [1]))
        }
        _ = try sender.rtcp(rtcpPacket(ssrc: 7, body: []))
        #expect(throws: DropReason.srtpIndexExhausted) { try sender.rtcp(rtcpPacket(ssrc: 7, body: [])) }
    }

    /// RFC 3711 appendix A, each branch.
    @Test func theRolloverCounterIsGuessedFromTheNearerSide() throws {
        var window = ReplayWindow<16>()
        #expect(try window.estimate(65_000) == 65_000)
        window.insert(0x2_FFF0)
        #expect(try window.estimate(0xFFFF) == 0x2_FFFF)
        #expect(try window.estimate(0x0001) == 0x3_0001)
        #expect(try window.estimate(0x8000) == 0x2_8000)
        window.insert(0x3_0010)
        #expect(try window.estimate(0xFFF1) == 0x2_FFF1)
        #expect(try window.estimate(0x7000) == 0x3_7000)
        var young = ReplayWindow<16>()
        young.insert(5)
        #expect(try young.estimate(65_535) == 65_535)
    }
}
