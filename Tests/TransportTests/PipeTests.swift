import SRTP
import Testing
import Wire

@testable import Transport

/// One end of a pipe with its record in memory of its own.
private final class End {
    let record: UnsafeMutablePointer<TransportRecord>
    var pipe: PipeTransport

    init(sending: MasterKey, receiving: MasterKey) throws {
        record = TransportRecord.allocate(localUfrag: "", localPassword: "")
        pipe = try PipeTransport(sending: sending, receiving: receiving, record: record)
    }

    deinit { record.deallocate() }

    // For `#expect`, which cannot look into what is not copyable.
    var isConnected: Bool { pipe.isConnected }
    var tuple: Tuple? { pipe.tuple }
    var profile: Profile { pipe.srtpProfile }

    func protect(_ packet: [UInt8], isRTCP: Bool = false, isRepeat: Bool = false) throws(DropReason) -> [UInt8] {
        var buffer = packet + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let length =
            isRTCP
            ? try pipe.protectRTCP(&raw, length: packet.count).length
            : isRepeat
                ? try pipe.protectRepeatedRTP(&raw, length: packet.count).length
                : try pipe.protectRTP(&raw, length: packet.count).length
        return Array(buffer[..<length])
    }

    func receive(_ datagram: [UInt8]) throws(DropReason) -> (bytes: [UInt8], isRTCP: Bool) {
        var buffer = datagram
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        switch try pipe.receive(&raw, length: datagram.count) {
        case .rtp(let length): return (Array(buffer[..<length]), false)
        case .rtcp(let length): return (Array(buffer[..<length]), true)
        case .handled: return ([], false)
        }
    }

    func drop(_ datagram: [UInt8]) -> DropReason? {
        do throws(DropReason) {
            _ = try receive(datagram)
            return nil
        } catch { return error }
    }
}

@Suite struct PipeTests {
    private static let way = Tuple(socket: 0, remote: address("127.0.0.1", 40_001))

    private func key(_ seed: UInt8) throws -> MasterKey {
        try MasterKey(
            profile: .aeadAES128GCM, key: [UInt8](repeating: seed, count: 16), salt: [UInt8](repeating: seed, count: 12))
    }

    private func makePair() throws -> (near: End, far: End) {
        let near = try End(sending: try key(1), receiving: try key(2))
        let far = try End(sending: try key(2), receiving: try key(1))
        near.pipe.connect(Self.way)
        far.pipe.connect(Self.way)
        return (near, far)
    }

    @Test func mediaAndReportsPassBothWays() throws {
        let (near, far) = try makePair()
        for (from, to) in [(near, far), (far, near)] {
            for number in 0..<200 {
                let packet = rtpPacket(UInt16(number))
                let received = try to.receive(from.protect(packet))
                #expect(received.bytes == packet && !received.isRTCP)
            }
            let report = receiverReport()
            let received = try to.receive(from.protect(report, isRTCP: true))
            #expect(received.bytes == report && received.isRTCP)
        }
        #expect(near.profile == .aeadAES128GCM)
    }

    @Test func nothingIsSentBeforeThereIsAWay() throws {
        let near = try End(sending: try key(1), receiving: try key(2))
        #expect(!near.isConnected)
        #expect(throws: DropReason.pipeNotConnected) { try near.protect(rtpPacket(1)) }
        #expect(throws: DropReason.pipeNotConnected) { try near.protect(receiverReport(), isRTCP: true) }
        near.pipe.connect(Self.way)
        #expect(near.isConnected && near.tuple == Self.way)
        _ = try near.protect(rtpPacket(1))
        #expect(near.record.pointee.path.tuple == Self.way)
    }

    @Test func whatWasSentUnderAnotherKeyIsDropped() throws {
        let (near, far) = try makePair()
        let stranger = try End(sending: try key(3), receiving: try key(2))
        stranger.pipe.connect(Self.way)
        #expect(far.drop(try stranger.protect(rtpPacket(1))) == .srtpBadTag)
        #expect(far.drop(try stranger.protect(receiverReport(), isRTCP: true)) == .srtpBadTag)
        // A packet that comes back to where it was sent from is not taken for the other end's.
        #expect(near.drop(try near.protect(rtpPacket(2))) == .srtpBadTag)
        #expect(far.drop(try near.protect(rtpPacket(3))) == nil)
    }

    @Test func aReplayIsDroppedAndARepetitionIsOneToo() throws {
        let (near, far) = try makePair()
        let datagram = try near.protect(rtpPacket(7))
        #expect(far.drop(datagram) == nil)
        #expect(far.drop(datagram) == .srtpReplayed)
        let report = try near.protect(receiverReport(), isRTCP: true)
        #expect(far.drop(report) == nil)
        #expect(far.drop(report) == .srtpReplayed)
        #expect(try near.protect(rtpPacket(7), isRepeat: true) == datagram)
        #expect(throws: DropReason.srtpReplayed) { try near.protect(rtpPacket(7)) }
    }

    @Test func aForeignSSRCTakesNoPlaceWithoutAGoodTag() throws {
        let (near, far) = try makePair()
        #expect(far.drop(try near.protect(rtpPacket(1))) == nil)
        let genuine = try near.protect(rtpPacket(2))
        for ssrc in 100..<200 {
            var forged = genuine
            for index in 0..<4 { forged[8 + index] = UInt8(truncatingIfNeeded: ssrc >> (24 - 8 * index)) }
            #expect(far.drop(forged) == .srtpBadTag)
        }
        #expect(far.record.pointee.inbound.streamCount == 1)
        #expect(far.drop(genuine) == nil)
    }

    @Test func everyFlippedBitIsFound() throws {
        let (near, far) = try makePair()
        let genuine = try near.protect(rtpPacket(1))
        for bit in 16..<(genuine.count * 8) {
            var forged = genuine
            forged[bit / 8] ^= 1 << UInt8(bit % 8)
            let reason = far.drop(forged)
            #expect(reason != nil, "bit \(bit)")
        }
        #expect(far.drop(genuine) == nil)
    }

    @Test func onlyMediaIsTaken() throws {
        let (_, far) = try makePair()
        for first in UInt8.min...UInt8.max where !(128...191).contains(first) {
            #expect(far.drop([first, 0] + [UInt8](repeating: 0, count: 40)) == .unknownFirstByte)
        }
        #expect(far.drop([]) == .emptyDatagram)
        #expect(far.drop([0x80]) == .emptyDatagram)
        #expect(far.drop([0x80, 96, 0, 1]) == .srtpMalformed)
    }
}
