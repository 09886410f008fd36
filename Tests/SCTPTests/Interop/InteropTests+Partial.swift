import Testing
import Wire

@testable import SCTP

extension USRSCTPTests {
    /// Who sends, and what limits it.
    static let limits: [Reliability.Limit] = [.retransmissions(0), .lifetime(.milliseconds(300))]

    // MARK: Partial reliability

    /// Two of four messages are lost, and no more is heard of them.
    @Test(arguments: [0, 1], limits) func aLostMessageIsGivenUp(side: Int, limit: Reliability.Limit) throws {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        var lost: Set<UInt32> = []
        pair.filter = { target, bytes in
            guard target == 1 - side, bytes[12] == ChunkType.data else { return true }
            let tsn = bytes.span.bytes.uint32(at: 16)
            if lost.count < 2 { lost.insert(tsn) }
            return !lost.contains(tsn)
        }
        let reliability = Reliability(isOrdered: true, limit: limit)
        for index in 0..<4 { #expect(pair.send(side, .pattern(2, index, count: 1100), reliability)) }
        pair.run(for: .seconds(10))
        #expect(pair.messages(1 - side) == [.pattern(2, 2, count: 1100), .pattern(2, 3, count: 1100)])
        // The stream goes on.
        #expect(pair.send(side, .pattern(2, 4, count: 9)))
        pair.run(for: .seconds(2))
        #expect(pair.messages(1 - side).last == .pattern(2, 4, count: 9))
    }

    /// A message of many pieces is given up whole, also when its beginning has arrived.
    @Test(arguments: [0, 1], [true, false]) func aLongMessageIsGivenUpWhole(side: Int, isOrdered: Bool) {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        var seen = 0
        pair.filter = { target, bytes in
            guard target == 1 - side, bytes[12] == ChunkType.data else { return true }
            seen += 1
            return seen != 3
        }
        let once = Reliability(isOrdered: isOrdered, limit: .retransmissions(0))
        #expect(pair.send(side, .pattern(0, 0, count: 40_000), once))
        for index in 1..<4 { #expect(pair.send(side, .pattern(0, index, count: 700))) }
        pair.run(for: .seconds(20))
        #expect(pair.messages(1 - side) == (1..<4).map { .pattern(0, $0, count: 700) })
    }

    @Test(arguments: 1...10) func whatIsGivenUpNeverHoldsUpWhatIsNot(seed: Int) {
        let pair = InteropPair((.apus, .usrsctp), seed: UInt64(seed), path: .init(jitter: .milliseconds(30)))
        pair.connect([0])
        pair.path.loss = 0.15
        for index in 0..<80 {
            let limit: Reliability.Limit =
                switch index % 4 {
                case 0: .none
                case 1: .retransmissions(0)
                case 2: .retransmissions(1)
                default: .lifetime(.milliseconds(300))
                }
            let reliability = Reliability(isOrdered: index % 5 != 0, limit: limit)
            for side in 0..<2 {
                #expect(pair.send(side, .pattern(UInt16(index % 3), index, count: 3000 + index), reliability))
            }
            pair.run(for: .milliseconds(10))
        }
        pair.run(for: .seconds(240))
        for side in 0..<2 {
            let arrived = Set(pair.messages(side))
            #expect(arrived.count == pair.messages(side).count)
            for index in stride(from: 0, to: 80, by: 4) {
                #expect(arrived.contains(.pattern(UInt16(index % 3), index, count: 3000 + index)))
            }
        }
        // The path is free again, on every stream.
        pair.path.loss = 0
        for side in 0..<2 { for stream in 0..<3 { #expect(pair.send(side, .pattern(UInt16(stream), 99, count: 5))) } }
        pair.run(for: .seconds(20))
        for side in 0..<2 { #expect(pair.messages(side).suffix(3).map(\.bytes.count) == [5, 5, 5]) }
    }

    // MARK: Resets

    @Test(arguments: [0, 1], 1...4) func aStreamBeginsAnewOnceAllOfItIsThrough(side: Int, seed: Int) {
        let pair = InteropPair((.apus, .usrsctp), seed: UInt64(seed), path: .init(jitter: .milliseconds(20)))
        pair.connect([0])
        pair.path.loss = 0.2
        for index in 0..<5 { #expect(pair.send(side, .pattern(7, index, count: 4000))) }
        #expect(pair.reset(side, 7))
        #expect(!pair.send(side, .pattern(7, 9, count: 10)))
        #expect(pair.send(side, .pattern(8, 0, count: 10)))
        pair.run(for: .seconds(120)) { pair.events[side].contains(.outboundReset([7])) }
        #expect(pair.send(side, .pattern(7, 9, count: 10)))
        pair.run(for: .seconds(120))
        let events = pair.events[1 - side].filter { $0 != .message(.pattern(8, 0, count: 10)) }
        #expect(events.dropFirst().prefix(5) == (0..<5).map { .message(.pattern(7, $0, count: 4000)) }[...])
        #expect(events.dropFirst(6) == [.inboundReset([7]), .message(.pattern(7, 9, count: 10))][...])
    }

    /// usrsctp never performs a reset that overtook data, unless more data comes: Apus lets none overtake.
    @Test func aResetBesideLostDataGoesThrough() {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        var isLost = false
        pair.filter = { side, bytes in
            guard side == 1, bytes[12] == ChunkType.data, !isLost else { return true }
            isLost = true
            return false
        }
        #expect(pair.send(0, .pattern(8, 0, count: 3000)))
        #expect(pair.reset(0, 7))
        pair.run(for: .seconds(30))
        #expect(pair.events[0].contains(.outboundReset([7])))
        #expect(pair.events[1].contains(.inboundReset([7])))
    }

    /// As data channels are closed: one side resets, and the other answers with its own half.
    @Test func bothHalvesAreResetAgainAndAgain() {
        let pair = InteropPair((.apus, .usrsctp), path: .init(loss: 0.05))
        pair.connect([0])
        pair.run(for: .seconds(30))
        for round in 0..<6 {
            let side = round % 2
            pair.forgetEvents()
            for end in [side, 1 - side] { #expect(pair.send(end, .pattern(5, round, count: 2000))) }
            pair.run(for: .seconds(20)) { pair.messages(0).count == 1 && pair.messages(1).count == 1 }
            #expect(pair.reset(side, 5))
            pair.run(for: .seconds(30)) { pair.events[1 - side].contains(.inboundReset([5])) }
            #expect(pair.reset(1 - side, 5))
            pair.run(for: .seconds(60)) {
                pair.events.allSatisfy { $0.contains(.inboundReset([5])) && $0.contains(.outboundReset([5])) }
            }
            for events in pair.events {
                #expect(events.contains(.inboundReset([5])) && events.contains(.outboundReset([5])), "round \(round)")
            }
        }
    }
}
