import SRTP
import Testing
import Wire

@testable import Transport

/// An endpoint of plain RTP with its records in memory of its own.
private final class Plain {
    private var records: [UnsafeMutablePointer<TransportRecord>] = []
    var transport = PlainTransport()

    deinit { for record in records { record.deallocate() } }

    static let audio: UInt32 = 0xA0
    static let video: UInt32 = 0xB0

    func begin(isVideo: Bool = true, _ change: (inout PlainSection.Configuration) -> Void = { _ in }) throws {
        let record = TransportRecord.allocate(localUfrag: "", localPassword: "")
        records.append(record)
        transport.begin(try PlainSection(Self.configuration(isVideo, change), record: record))
    }

    /// As another process does it with the newest section.
    func resume(isVideo: Bool = true, now: Instant, _ change: (inout PlainSection.Configuration) -> Void = { _ in }) throws {
        transport.begin(
            try PlainSection(resuming: records[records.count - 1], Self.configuration(isVideo, change), now: now))
    }

    private static func configuration(
        _ isVideo: Bool, _ change: (inout PlainSection.Configuration) -> Void
    ) -> PlainSection.Configuration {
        var configuration = PlainSection.Configuration(isVideo: isVideo, localSSRC: isVideo ? video : audio)
        configuration.payloadTypes = [isVideo ? 103 : 96]
        change(&configuration)
        return configuration
    }

    var isConnected: Bool { transport.isConnected }

    func receive(
        _ datagram: [UInt8], isVideo: Bool = true, isControl: Bool = false, from remote: SocketAddress,
        at seconds: Int64 = 1
    ) throws(DropReason) -> (bytes: [UInt8], isControl: Bool) {
        var buffer = datagram
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let tuple = Tuple(socket: PlainComponent(isVideo: isVideo, isControl: isControl).socket, remote: remote)
        switch try transport.receive(&raw, length: datagram.count, from: tuple, now: moment(seconds)) {
        case .rtp(let length): return (Array(buffer[..<length]), false)
        case .rtcp(let length): return (Array(buffer[..<length]), true)
        case .handled: return ([], false)
        }
    }

    func drop(
        _ datagram: [UInt8], isVideo: Bool = true, isControl: Bool = false, from remote: SocketAddress,
        at seconds: Int64 = 1
    ) -> DropReason? {
        do throws(DropReason) {
            _ = try receive(datagram, isVideo: isVideo, isControl: isControl, from: remote, at: seconds)
            return nil
        } catch { return error }
    }

    func send(_ packet: [UInt8]) throws(DropReason) -> (bytes: [UInt8], tuple: Tuple) {
        var buffer = packet + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let (length, tuple) = try transport.protectRTP(&raw, length: packet.count)
        return (Array(buffer[..<length]), tuple)
    }

    func part(_ compound: [UInt8], isVideo: Bool) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: compound.count)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let length = transport.part(of: compound.span.bytes, isVideo: isVideo, into: &raw)
        return Array(buffer[..<length])
    }

    func controlTuple(isVideo: Bool = true) throws(DropReason) -> Tuple {
        var buffer = report(0xB0) + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        return try transport.protectRTCP(&raw, length: 8, isVideo: isVideo).tuple
    }
}

private func moment(_ seconds: Int64) -> Instant { Instant(nanoseconds: UInt64(seconds) * 1_000_000_000) }

private func packet(_ type: UInt8, _ ssrc: UInt32, _ sequence: UInt16 = 1) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(0x80))
    writer.write(type)
    writer.write(sequence)
    writer.write(UInt32(sequence) &* 90)
    writer.write(ssrc)
    writer.write(Array("a payload that is longer than a tag".utf8))
    return writer.bytes
}

/// An empty receiver report.
private func report(_ ssrc: UInt32) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(0x80))
    writer.write(UInt8(201))
    writer.write(UInt16(1))
    writer.write(ssrc)
    return writer.bytes
}

private let peer = address("192.0.2.9", 5004)
private let stranger = address("198.51.100.1", 6000)

@Suite struct PlainTests {
    // MARK: Whose packets are taken

    @Test func theFirstPlausiblePacketDecidesWhoThePeerIs() throws {
        let plain = Plain()
        try plain.begin()
        #expect(!plain.isConnected)
        #expect(plain.drop(packet(99, 1), from: stranger) == .rtpUnknownPayloadType, "not of this section")
        #expect(plain.drop([0x00, 1, 2, 3], from: stranger) == .unknownFirstByte)
        #expect(plain.drop(Array(packet(103, 1).prefix(8)), from: stranger) == .rtpMalformed)
        #expect(!plain.isConnected, "what is no media of the section teaches nothing")
        #expect(try plain.receive(packet(103, 1), from: peer).bytes == packet(103, 1))
        #expect(plain.isConnected)
        #expect(plain.drop(packet(103, 1, 2), from: stranger) == .plainForeignSource)
        #expect(try plain.send(packet(103, Plain.video)).tuple.remote == peer)
    }

    @Test func anotherSourceTakesOverOnceTheFirstHasBeenSilent() throws {
        let plain = Plain()
        try plain.begin()
        _ = try plain.receive(packet(103, 1), from: peer, at: 1)
        #expect(plain.drop(packet(103, 2), from: stranger, at: 5) == .plainForeignSource)
        _ = try plain.receive(packet(103, 1, 2), from: peer, at: 5)
        #expect(plain.drop(packet(103, 2), from: stranger, at: 9) == .plainForeignSource, "not silent for long enough")
        #expect(plain.drop(packet(103, 2), from: stranger, at: 10) == nil)
        #expect(plain.drop(packet(103, 1, 3), from: peer, at: 11) == .plainForeignSource)
    }

    @Test func whoSignallingNamesIsNotLockedOut() throws {
        let plain = Plain()
        try plain.begin { $0.remote = peer }
        #expect(plain.isConnected, "it is known where media go")
        _ = try plain.receive(packet(103, 1), from: stranger)
        // From another port than it takes media at, as most senders do.
        let sender = SocketAddress(ip: peer.ip, port: 50_000)
        #expect(plain.drop(packet(103, 2), from: sender) == nil)
        #expect(plain.drop(packet(103, 1, 2), from: stranger) == .plainForeignSource)
        #expect(try plain.send(packet(103, Plain.video)).tuple.remote == peer, "sent where signalling says")
    }

    @Test func aSectionThatWasNotNegotiatedTakesNothing() throws {
        let plain = Plain()
        #expect(plain.drop(packet(103, 1), from: peer) == .plainUnknownStream)
        try plain.begin()
        #expect(plain.drop(packet(96, 1), isVideo: false, from: peer) == .plainUnknownStream)
        #expect(throws: DropReason.plainNoRemote) { try plain.send(packet(103, Plain.video)) }
    }

    // MARK: RTCP

    @Test func rtcpGoesToThePortAboveUntilItIsKnown() throws {
        let plain = Plain()
        try plain.begin()
        #expect(throws: DropReason.plainNoRemote) { try plain.controlTuple() }
        _ = try plain.receive(packet(103, 1), from: peer)
        #expect(try plain.controlTuple() == Tuple(socket: 243, remote: address("192.0.2.9", 5005)))
        #expect(try plain.receive(report(1), isControl: true, from: address("192.0.2.9", 7000)).isControl)
        #expect(try plain.controlTuple().remote == address("192.0.2.9", 7000))
        #expect(plain.drop(packet(103, 1), isControl: true, from: address("192.0.2.9", 7000)) == .rtcpMalformed)
    }

    @Test func aSharedPortTakesBoth() throws {
        let plain = Plain()
        try plain.begin { $0.sharesPort = true }
        #expect(try !plain.receive(packet(103, 1), from: peer).isControl)
        #expect(try plain.receive(report(1), from: peer).isControl)
        #expect(try plain.controlTuple() == Tuple(socket: 242, remote: peer))
    }

    /// The router's compound: report with a block for each stream, description, a PLI and a NACK for the video.
    private var compound: [UInt8] {
        var writer = ByteWriter()
        writer.write([0x82, 201, 0, 13])
        writer.write(UInt32(0xEE))
        for ssrc in [UInt32(0x1A), 0x1B] {
            writer.write(ssrc)
            writer.write([UInt8](repeating: UInt8(truncatingIfNeeded: ssrc), count: 20))
        }
        writer.write([0x81, 202, 0, 2])
        writer.write(UInt32(0xEE))
        writer.write([1, 2, 65, 65])
        writer.write([0x81, 206, 0, 2])
        writer.write(UInt32(0xEE))
        writer.write(UInt32(0x1B))
        writer.write([0x81, 205, 0, 3])
        writer.write(UInt32(0xEE))
        writer.write(UInt32(0x1B))
        writer.write([0, 1, 0, 0])
        return writer.bytes
    }

    @Test func eachSectionGetsItsPartOfACompound() throws {
        let plain = Plain()
        try plain.begin(isVideo: false) { $0.remoteSSRC = 0x1A }
        try plain.begin(isVideo: true)
        _ = try plain.receive(packet(103, 0x1B), from: peer)
        let audio = plain.part(compound, isVideo: false)
        #expect(audio.prefix(12) == [0x81, 201, 0, 7, 0, 0, 0, 0xA0, 0, 0, 0, 0x1A])
        #expect(audio.suffix(12) == [0x81, 202, 0, 2, 0, 0, 0, 0xA0, 1, 2, 65, 65] && audio.count == 44)
        let video = plain.part(compound, isVideo: true)
        #expect(video.prefix(12) == [0x81, 201, 0, 7, 0, 0, 0, 0xB0, 0, 0, 0, 0x1B])
        #expect(video.dropFirst(44).prefix(12) == [0x81, 206, 0, 2, 0, 0, 0, 0xB0, 0, 0, 0, 0x1B])
        #expect(video.suffix(16) == [0x81, 205, 0, 3, 0, 0, 0, 0xB0, 0, 0, 0, 0x1B, 0, 1, 0, 0])
    }

    @Test func aSenderReportIsOneSectionsOwn() throws {
        let plain = Plain()
        try plain.begin(isVideo: false)
        try plain.begin(isVideo: true)
        var writer = ByteWriter()
        writer.write([0x80, 200, 0, 6])
        writer.write(Plain.video)
        writer.write([UInt8](repeating: 7, count: 20))
        #expect(plain.part(writer.bytes, isVideo: false) == [])
        #expect(plain.part(writer.bytes, isVideo: true) == writer.bytes)
    }

    @Test func whatConcernsNobodyIsSentToNobody() throws {
        let plain = Plain()
        try plain.begin()
        #expect(plain.part(compound, isVideo: true) == [])
        #expect(plain.part(Array(compound.prefix(30)), isVideo: true) == [], "a length that lies")
    }

    // MARK: What is learned

    @Test func eachNewSSRCIsToldOnce() throws {
        let plain = Plain()
        try plain.begin { $0.remoteSSRC = 5 }
        _ = try plain.receive(packet(103, 5), from: peer)
        #expect(plain.transport.takeNewSSRC(isVideo: true) == nil)
        _ = try plain.receive(packet(103, 6), from: peer)
        #expect(plain.transport.takeNewSSRC(isVideo: true) == 6 && plain.transport.takeNewSSRC(isVideo: true) == nil)
        _ = try plain.receive(packet(103, 5, 2), from: peer)
        #expect(plain.transport.takeNewSSRC(isVideo: true) == nil)
    }

    @Test func aSuccessorKnowsThePeer() throws {
        let plain = Plain()
        try plain.begin()
        _ = try plain.receive(packet(103, 1), from: peer, at: 1)
        try plain.resume(now: moment(2))
        #expect(plain.isConnected)
        #expect(plain.drop(packet(103, 1), from: stranger, at: 3) == .plainForeignSource)
        #expect(plain.drop(packet(103, 1), from: peer, at: 3) == nil)
    }
}

/// The same under SRTP.
@Suite struct PlainSecurityTests {
    private func key(_ seed: UInt8, _ profile: Profile = .aes128CMSHA180) throws -> MasterKey {
        try MasterKey(
            profile: profile, key: [UInt8](repeating: seed, count: profile.keyLength),
            salt: [UInt8](repeating: seed &+ 1, count: profile.saltLength))
    }

    /// What protects as the peer does.
    private func sender(_ profile: Profile = .aes128CMSHA180) throws -> Plain {
        let sender = Plain()
        try sender.begin {
            $0.remote = address("127.0.0.1", 1)
            $0.sending = try? key(1, profile)
        }
        return sender
    }

    private func receiver(
        _ profile: Profile = .aes128CMSHA180, _ change: (inout PlainSection.Configuration) -> Void = { _ in }
    ) throws -> Plain {
        let receiver = Plain()
        try receiver.begin {
            $0.receiving = try? key(1, profile)
            change(&$0)
        }
        return receiver
    }

    @Test(arguments: [Profile.aes128CMSHA180, .aes128CMSHA132, .aes256CMSHA180, .aes256CMSHA132])
    func everySuiteOpensWhatItSeals(profile: Profile) throws {
        let sealed = try sender(profile).send(packet(103, Plain.video)).bytes
        #expect(sealed.count == packet(103, 0).count + profile.tagLength)
        #expect(try receiver(profile).receive(sealed, from: peer).bytes == packet(103, Plain.video))
    }

    @Test func onlyWhatIsAuthenticTeachesAnAddress() throws {
        let (sender, receiver) = (try sender(), try receiver())
        #expect(receiver.drop(packet(103, 1), from: stranger) == .srtpBadTag)
        #expect(!receiver.isConnected)
        _ = try receiver.receive(try sender.send(packet(103, Plain.video, 1)).bytes, from: peer)
        // The peer's address translator has given it another address.
        _ = try receiver.receive(try sender.send(packet(103, Plain.video, 2)).bytes, from: stranger)
        let copy = try sender.send(packet(103, Plain.video, 3)).bytes
        _ = try receiver.receive(copy, from: stranger)
        #expect(receiver.drop(copy, from: peer) == .srtpReplayed)
        #expect(try receiver.send(packet(103, Plain.video)).tuple.remote == stranger)
    }

    /// With the identifier 0x0102 before the tag.
    private func identified(_ sealed: [UInt8]) -> [UInt8] {
        Array(sealed.dropLast(10)) + [1, 2] + Array(sealed.suffix(10))
    }

    @Test func anIdentifierIsThereOrNotAsTheSenderLikes() throws {
        let plain = (1...3).map { packet(103, Plain.video, $0) }
        for hasIdentifier in [false, true] {
            let (sender, receiver) = (
                try sender(),
                try receiver {
                    $0.identifier = 0x0102
                    $0.identifierLength = 2
                }
            )
            for packet in plain {
                let sealed = try sender.send(packet).bytes
                #expect(try receiver.receive(hasIdentifier ? identified(sealed) : sealed, from: peer).bytes == packet)
            }
            let other = try sender.send(packet(103, Plain.video, 9)).bytes
            #expect(receiver.drop(hasIdentifier ? other : identified(other), from: peer) == .srtpBadTag)
        }
    }

    @Test func aKeyIsUsedForItsLifetimeAndItsOwnerIsWarned() throws {
        let (sender, receiver) = (try sender(), try receiver { $0.lifetime = 16 })
        for number in 1...16 {
            _ = try receiver.receive(try sender.send(packet(103, Plain.video, UInt16(number))).bytes, from: peer)
            #expect(receiver.transport.takeKeyWarning(isVideo: true) == (number == 14))
        }
        let next = try sender.send(packet(103, Plain.video, 17)).bytes
        #expect(receiver.drop(next, from: peer) == .srtpIndexExhausted)
        try receiver.resume(now: moment(2)) {
            $0.lifetime = 16
            $0.receiving = try? key(1)
        }
        #expect(receiver.drop(next, from: peer) == .srtpIndexExhausted, "a successor goes on counting")
    }
}
