import SRTP
import Testing
import Wire

/// Our transform against libsrtp2's, byte for byte.
@Suite(.serialized) struct Oracle {
    /// OpenSSL, and libipsec-mb where it works.
    static let backends: [Backend] = [.openSSL] + (Backend.isIPSecMBAvailable ? [.ipsecMB] : [])

    @Test(
        arguments: [
            (Profile.aeadAES128GCM, 50_000), (.aes128CMSHA180, 50_000), (.aeadAES256GCM, 5_000),
            (.aes128CMSHA132, 5_000), (.aes256CMSHA180, 5_000), (.aes256CMSHA132, 5_000),
        ], backends)
    func randomRTPIsTheSameInBothDirections(_ run: (profile: Profile, packets: Int), _ backend: Backend) throws {
        let (profile, packets) = run
        var random = SeededRandom(seed: UInt64(profile.rawValue))
        let key = try masterKey(profile, seed: 77)
        let (ours, theirs) = (try Sender(key, backend: backend), try Sender(key, backend: .libsrtp2))
        let (reader, theirReader) = (try Receiver(key, backend: backend), try Receiver(key, backend: .libsrtp2))
        var sequences: [UInt16] = [100, 32_000, 65_000]
        let noise = random.bytes(1500)
        var late: [[UInt8]] = []
        for step in 0..<packets {
            let stream = Int(random.next() % 3)
            // Mostly by one, sometimes a jump, so that 50,000 packets pass the wrap many times.
            sequences[stream] &+= random.next() % 16 == 0 ? UInt16(random.next() % 3000) + 1 : 1
            let offset = Int(random.next() % 1300)
            let size = Int(random.next() % 4) == 0 ? Int(random.next() % 1200) : Int(random.next() % 160)
            let plain = rtpPacket(
                ssrc: UInt32(stream) &* 0x9E37_79B9 &+ 1, sequence: sequences[stream],
                payload: Array(noise[offset..<min(offset + size, noise.count)]), csrcs: Int(random.next() % 4),
                extensionWords: random.next() & 1 == 0 ? nil : Int(random.next() % 5))
            let sealed = try ours.rtp(plain)
            guard try theirs.rtp(plain) == sealed else {
                Issue.record("packet \(step) differs from libsrtp2's")
                return
            }
            // One in eight is held back for a while.
            if random.next() % 8 == 0 { late.append(sealed) } else { try check(sealed, plain, reader, theirReader) }
            if late.count == 20 {
                for packet in late.reversed() { _ = agree(packet, reader, theirReader) }
                late.removeAll(keepingCapacity: true)
            }
            if random.next() % 64 == 0 { _ = agree(sealed, reader, theirReader) }
        }
        for stream in 0..<3 {
            let index = reader.state.pointee.highestIndex(of: UInt32(stream) &* 0x9E37_79B9 &+ 1) ?? 0
            #expect(index >> 16 >= 2, "the run must step the rollover counter")
        }
    }

    private func check(_ sealed: [UInt8], _ plain: [UInt8], _ reader: Receiver, _ theirReader: Receiver) throws {
        let opened = agree(sealed, reader, theirReader)
        if opened != plain { Issue.record("packet is not what was sent") }
    }

    /// Both open it to the same bytes or both refuse it.
    private func agree(_ sealed: [UInt8], _ reader: Receiver, _ theirReader: Receiver) -> [UInt8]? {
        let mine = try? reader.rtp(sealed)
        let other = try? theirReader.rtp(sealed)
        if mine != other { Issue.record("one opened what the other did not") }
        return mine
    }

    @Test(arguments: Profile.allCases, backends)
    func randomRTCPIsTheSameInBothDirections(_ profile: Profile, _ backend: Backend) throws {
        var random = SeededRandom(seed: 99)
        let key = try masterKey(profile, seed: 31)
        let (ours, theirs) = (try Sender(key, backend: backend), try Sender(key, backend: .libsrtp2))
        let (reader, theirReader) = (try Receiver(key, backend: backend), try Receiver(key, backend: .libsrtp2))
        for _ in 0..<2_000 {
            let plain = rtcpPacket(
                ssrc: UInt32(random.next() % 4) + 1, body: random.bytes(Int(random.next() % 60) * 4))
            let sealed = try ours.rtcp(plain)
            try #require(try theirs.rtcp(plain) == sealed)
            let mine = try reader.rtcp(sealed)
            let other = try theirReader.rtcp(sealed)
            try #require(mine == plain && other == plain)
        }
    }

    @Test(arguments: backends) func aFlippedBitIsFoundWhereverItLies(_ backend: Backend) throws {
        let key = try masterKey(.aeadAES128GCM, seed: 5)
        let sealed = try Sender(key, backend: backend).rtp(
            rtpPacket(ssrc: 7, sequence: 1, payload: Array(repeating: 9, count: 100)))
        let reader = try Receiver(key, backend: backend)
        for position in sealed.indices {
            var forged = sealed
            forged[position] ^= 0x10
            #expect((try? reader.rtp(forged)) == nil, "the bit in byte \(position) went unnoticed")
        }
        _ = try reader.rtp(sealed)
    }

    @Test func libsrtp2CannotTakeOverAState() throws {
        let sender = try Sender(masterKey(.aeadAES128GCM), backend: .libsrtp2)
        _ = try sender.rtp(rtpPacket(ssrc: 1, sequence: 1, payload: []))
        #expect(throws: SRTPError.backendCannotResume) {
            _ = try OutboundContext(resuming: sender.state, backend: .libsrtp2)
        }
    }
}
