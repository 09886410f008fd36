import RTP
import Testing
import Wire

@testable import Forwarding
@testable import Reactor

/// Which packets are forwarded together, and what makes trains of them.
@Suite struct BurstTests {
    private func forward(_ publisher: Int32, payload: Int) throws -> Forward {
        let packet = LoopbackMedia.packet(.video, 1, ssrc: 1, payloadBytes: payload)
        return Forward(
            header: try RTPHeader(parsing: packet.span.bytes), arrival: Instant(nanoseconds: 1), publisher: publisher,
            stream: 0, source: 1, sequence: 1, payloadType: 96, isRecovered: false, isRecent: true)
    }

    private func burst(_ packets: [(publisher: Int32, payload: Int)]) throws -> Burst {
        var burst = Burst()
        for (index, packet) in packets.enumerated() {
            burst.append(
                try forward(packet.publisher, payload: packet.payload),
                ReceiveBatch.Datagram(start: Int32(index), length: 1))
        }
        return burst
    }

    private func paddings(_ payloads: [Int]) throws -> [Int] {
        var burst = try burst(payloads.map { (0, $0) })
        burst.equalise()
        return burst.packets.map { Int($0.forward.padding) }
    }

    @Test func packetsOfOnePublisherStayInOrderBetweenThoseOfOthers() throws {
        let burst = try burst([(7, 100), (3, 100), (7, 100), (9, 100), (3, 100), (7, 100)])
        let chains = burst.heads.map { head in
            var chain: [Int32] = []
            var index = head
            while index != Burst.none {
                chain.append(burst.packets[Int(index)].datagram.start)
                index = burst.packets[Int(index)].next
            }
            return chain
        }
        #expect(chains == [[0, 2, 5], [1, 4], [3]])
    }

    @Test func packetsThatDifferByAByteBecomeEqual() throws {
        #expect(try paddings([1000, 1001, 1000, 1001]) == [1, 0, 1, 0])
        #expect(try paddings([1001, 1001, 1000, 1000]) == [0, 0, 1, 0], "the last of a train may be shorter")
    }

    @Test func aPacketIsNotPaddedToOneThatIsMuchLonger() throws {
        let limit = Limits.trainPadding
        #expect(try paddings([500, 500 + limit, 500 + limit]) == [limit, 0, 0])
        #expect(try paddings([500, 501 + limit, 501 + limit]) == [0, 0, 0])
        #expect(try paddings([1000, 300, 301, 1001, 1000]) == [0, 1, 0, 0, 0])
    }

    @Test func whatIsPaddedForOneBurstIsForgottenWithIt() throws {
        var burst = try burst([(0, 100), (0, 101)])
        burst.equalise()
        burst.removeAll()
        #expect(burst.isEmpty && burst.heads.isEmpty)
        burst.append(try forward(0, payload: 100), ReceiveBatch.Datagram(start: 0, length: 1))
        burst.equalise()
        #expect(burst.packets.map(\.forward.padding) == [0])
    }
}
