import DTLS
import ICE
import Testing
import Wire

@testable import Transport

@Suite struct DropTests {
    private static let stranger = address("198.51.100.66", 6666)

    /// RFC 7983 section 7 and RFC 5761 section 4, over every first byte.
    @Test func everyFirstByteHasItsPlace() {
        for byte in UInt8.min...UInt8.max {
            let expected: PacketClass =
                switch byte {
                case 0...3: .stun
                case 20...63: .dtls
                case 128...191: .rtp
                default: .unknown
                }
            let datagram: [UInt8] = [byte, 96]
            #expect(PacketClass(of: datagram.span.bytes) == expected, "first byte \(byte)")
        }
        for second in UInt8.min...UInt8.max {
            let datagram: [UInt8] = [0x80, second]
            let expected: PacketClass = (192...223).contains(second) ? .rtcp : .rtp
            #expect(PacketClass(of: datagram.span.bytes) == expected, "second byte \(second)")
        }
        let empty: [UInt8] = []
        #expect(PacketClass(of: empty.span.bytes) == .unknown)
        let lone: [UInt8] = [0x80]
        #expect(PacketClass(of: lone.span.bytes) == .unknown)
    }

    @Test func whatIsNobodysIsDroppedByName() throws {
        let pair = try TransportPair.connected()
        let peer = TransportPair.leftAddress
        for first in UInt8.min...UInt8.max where PacketClass(of: [first, 0].span.bytes) == .unknown {
            #expect(pair.right.receive([first, 0, 0, 0], from: peer, now: pair.now) == .unknownFirstByte)
        }
        #expect(pair.right.receive([], from: peer, now: pair.now) == .emptyDatagram)
        #expect(pair.right.receive([0x80], from: peer, now: pair.now) == .emptyDatagram)
        #expect(pair.right.receive([0, 1, 0, 0], from: peer, now: pair.now) == .stunMalformed)
        #expect(pair.mediaFlows(1))
    }

    @Test func nothingIsTakenFromAnAddressThatICEHasNotValidated() throws {
        let pair = try TransportPair.connected()
        let (media, _) = try pair.left.protect(rtpPacket(1))
        let (report, _) = try pair.left.protect(receiverReport(), isRTCP: true)
        #expect(pair.right.receive(media, from: Self.stranger, now: pair.now) == .mediaFromUnvalidatedTuple)
        #expect(pair.right.receive(report, from: Self.stranger, now: pair.now) == .mediaFromUnvalidatedTuple)
        let hello = [22, 0xFE, 0xFD] + [UInt8](repeating: 0, count: 30)
        #expect(pair.right.receive(hello, from: Self.stranger, now: pair.now) == .dtlsFromUnvalidatedTuple)
        #expect(!pair.right.isValidated(Tuple(socket: 0, remote: Self.stranger)))
        #expect(pair.right.receive(media, from: TransportPair.leftAddress, now: pair.now) == nil, "it was genuine")
    }

    @Test func mediaBeforeTheKeysWaitsForNobody() throws {
        let pair = TransportPair()
        #expect(pair.right.receive(rtpPacket(1), from: TransportPair.leftAddress, now: pair.now)
            == .mediaFromUnvalidatedTuple)
        try pair.signal()
        let isPath = pair.run(for: .seconds(5)) { pair in
            pair.right.isValidated(Tuple(socket: 0, remote: TransportPair.leftAddress))
        }
        #expect(isPath && pair.right.dtlsPhase != .connected)
        for packet in [rtpPacket(1), receiverReport()] {
            #expect(pair.right.receive(packet, from: TransportPair.leftAddress, now: pair.now) == .srtpNotReady)
        }
        #expect(pair.run(for: .seconds(5)) { $0.areConnected })
    }

    @Test func aHandshakeBeforeTheAnswerIsDroppedByName() throws {
        let pair = TransportPair()
        // Left knows right's credentials and checks it; right has not been told of left.
        try pair.left.negotiate(with: pair.right, isDTLSClient: true, now: pair.now)
        pair.left.transport.addRemoteCandidate(Candidate.host(address: pair.right.local, socket: 0).sdp, now: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.right.isValidated(Tuple(socket: 0, remote: TransportPair.leftAddress)))
        #expect(pair.right.drops.contains(.dtlsBeforeNegotiation) || pair.left.selectedTuple == nil)
        let hello: [UInt8] = [22, 0xFE, 0xFD] + [UInt8](repeating: 0, count: 30)
        #expect(pair.right.receive(hello, from: TransportPair.leftAddress, now: pair.now) == .dtlsBeforeNegotiation)
        try pair.right.negotiate(with: pair.left, isDTLSClient: false, now: pair.now)
        #expect(pair.run(for: .seconds(10)) { $0.areConnected })
    }

    @Test func everyPlaceOfAPacketIsAuthenticated() throws {
        let pair = try TransportPair.connected()
        let (genuine, _) = try pair.left.protect(rtpPacket(7))
        let peer = TransportPair.leftAddress
        for position in genuine.indices {
            var forged = genuine
            forged[position] ^= 1
            let drop = pair.right.receive(forged, from: peer, now: pair.now)
            #expect(drop == .srtpBadTag || drop == .srtpMalformed, "byte \(position): \(String(describing: drop))")
        }
        #expect(pair.right.rtp.isEmpty)
        #expect(pair.right.receive(genuine, from: peer, now: pair.now) == nil)
        #expect(pair.right.receive(genuine, from: peer, now: pair.now) == .srtpReplayed)
    }

    @Test func noLengthOfATruncatedPacketTraps() throws {
        let pair = try TransportPair.connected()
        let peer = TransportPair.leftAddress
        let samples = [
            try pair.left.protect(rtpPacket(7, payload: Array(0..<100))).bytes,
            try pair.left.protect(receiverReport(), isRTCP: true).bytes,
            try #require(pair.carried.first { $0.bytes[0] < 4 }).bytes,
            try #require(pair.carried.first { (20...63).contains($0.bytes[0]) }).bytes,
        ]
        for sample in samples {
            for length in 0..<sample.count {
                #expect(pair.right.receive(Array(sample[..<length]), from: peer, now: pair.now) != nil)
            }
        }
        pair.drain()
        #expect(pair.mediaFlows(8))
    }
}
