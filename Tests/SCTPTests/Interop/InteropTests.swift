import CUSRSCTP
import Testing
import Wire

@testable import SCTP

/// Apus and usrsctp with each other: whatever holds for both ends of one make holds for them. usrsctp draws its tags and
/// first numbers itself, so that runs of one seed are alike and not the same.
///
/// One after the other, since usrsctp's state is the process's.
@Suite(.serialized) struct USRSCTPTests {
    /// Who is left and who is right.
    private static let orders: [(Maker, Maker)] = [(.apus, .usrsctp), (.usrsctp, .apus)]

    private static func apus(_ pair: InteropPair) throws -> ApusEnd {
        try #require(pair.ends.compactMap { $0 as? ApusEnd }.first)
    }

    private static func usrsctp(_ pair: InteropPair) throws -> USRSCTPEnd {
        try #require(pair.ends.compactMap { $0 as? USRSCTPEnd }.first)
    }

    // MARK: Establishment and ends

    @Test(arguments: 0..<2, [[0], [1], [0, 1]]) func eitherSideBegins(order: Int, beginners: [Int]) throws {
        let pair = InteropPair(Self.orders[order])
        pair.connect(beginners)
        #expect(pair.events == [[.connected], [.connected]])
        #expect(try Self.apus(pair).drops == [])
    }

    @Test(arguments: 1...12) func establishesUnderHeavyLoss(seed: Int) {
        let path = AssociationPair.Path(loss: 0.3, jitter: .milliseconds(60))
        let pair = InteropPair(Self.orders[seed % 2], seed: UInt64(seed), path: path)
        pair.connect(seed % 3 == 0 ? [0, 1] : [seed % 3 - 1])
        pair.run(for: .seconds(300)) { pair.events.allSatisfy { $0.contains(.connected) } }
        #expect(pair.events == [[.connected], [.connected]])
    }

    /// An end that has lost all it knew takes up the association again, whichever make it is.
    @Test(arguments: [Maker.apus, .usrsctp]) func aRestartedEndIsTakenBack(restarted: Maker) throws {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        #expect(pair.send(0, .pattern(0, 0, count: 10)) && pair.send(1, .pattern(0, 1, count: 10)))
        pair.run(for: .seconds(1))
        pair.forgetEvents()
        let side = restarted == .apus ? 0 : 1
        // Its ABORT, which usrsctp sends when it is taken away, is lost as it would be.
        pair.filter = { _, bytes in bytes[12] != ChunkType.abort }
        pair.replace(side, by: restarted)
        pair.filter = { _, _ in true }
        pair.connect([side])
        pair.run(for: .seconds(5))
        #expect(pair.events[side] == [.connected])
        #expect(pair.events[1 - side] == [.restarted])
        #expect(pair.send(0, .pattern(0, 2, count: 5000)) && pair.send(1, .pattern(0, 3, count: 5000)))
        pair.run(for: .seconds(2))
        #expect(pair.messages(0) == [.pattern(0, 3, count: 5000)])
        #expect(pair.messages(1) == [.pattern(0, 2, count: 5000)])
    }

    @Test(arguments: [0, 1]) func abortEndsBothSides(side: Int) {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        pair.ends[side].abort(now: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.events[0].last == .ended(side == 0 ? .closedHere : .closedByPeer))
        #expect(pair.events[1].last == .ended(.lost) || side == 1)
    }

    /// The association is over once all is through that either side had sent before.
    @Test(arguments: 1...4) func usrsctpShutsDown(seed: Int) throws {
        let pair = InteropPair((.apus, .usrsctp), seed: UInt64(seed), path: .init(jitter: .milliseconds(15)))
        pair.connect([0])
        pair.path.loss = 0.1
        for index in 0..<5 {
            #expect(pair.send(0, .pattern(0, index, count: 20_000)) && pair.send(1, .pattern(0, index, count: 20_000)))
        }
        try Self.usrsctp(pair).shutdown(now: pair.now)
        pair.run(for: .seconds(60)) { pair.events.allSatisfy { if case .ended = $0.last { true } else { false } } }
        for side in 0..<2 {
            #expect(pair.messages(side) == (0..<5).map { .pattern(0, $0, count: 20_000) })
            #expect(pair.events[side].last == .ended(.closedByPeer))
        }
    }

    /// usrsctp asks every half minute whether a silent path is there.
    @Test func heartbeatsAreAnswered() throws {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([0])
        var (asked, answered) = (0, 0)
        pair.filter = { side, bytes in
            if side == 0, bytes[12] == ChunkType.heartbeat { asked += 1 }
            if side == 1, bytes[12] == ChunkType.heartbeatAck { answered += 1 }
            return true
        }
        pair.run(for: .seconds(300))
        #expect(asked > 3 && answered == asked)
        #expect(pair.events == [[.connected], [.connected]])
    }

    // MARK: Messages

    @Test func messagesOfEverySizeArriveWholeBothWays() {
        let pair = InteropPair((.apus, .usrsctp))
        pair.connect([1])
        let sizes = [1, 2, 3, 4, 1131, 1132, 1133, 2264, 2265, 65_536, 65_537, Limits.messageLength]
        let all = sizes.enumerated().map { Message.pattern(3, $0.offset, count: $0.element) }
        for side in 0..<2 { for message in all { #expect(pair.send(side, message)) } }
        pair.run(for: .seconds(20))
        #expect(pair.messages(0) == all)
        #expect(pair.messages(1) == all)
    }

    @Test(arguments: [true, false]) func longMessagesSurviveLossAndReordering(isOrdered: Bool) {
        let pair = InteropPair((.apus, .usrsctp), seed: 4, path: .init(jitter: .milliseconds(10)))
        pair.connect([0])
        pair.path.loss = 0.03
        let all = (0..<3).map { Message.pattern(UInt16($0), $0, count: Limits.messageLength) }
        let reliability = Reliability(isOrdered: isOrdered, limit: .none)
        for side in 0..<2 { for message in all { #expect(pair.send(side, message, reliability)) } }
        pair.run(for: .seconds(300)) { pair.messages(0).count == 3 && pair.messages(1).count == 3 }
        #expect(Set(pair.messages(0)) == Set(all))
        #expect(Set(pair.messages(1)) == Set(all))
    }

    @Test func unorderedMessagesOvertakeALostOne() {
        for side in 0..<2 {
            let pair = InteropPair((.apus, .usrsctp))
            pair.connect([0])
            var seen = 0
            pair.filter = { target, bytes in
                guard target == 1 - side, bytes[12] == ChunkType.data else { return true }
                seen += 1
                return seen != 1
            }
            let unordered = Reliability(isOrdered: false, limit: .none)
            for index in 0..<3 { #expect(pair.send(side, .pattern(1, index, count: 1100), unordered)) }
            pair.run(for: .milliseconds(300))
            #expect(pair.messages(1 - side).prefix(2) == [.pattern(1, 1, count: 1100), .pattern(1, 2, count: 1100)])
            pair.run(for: .seconds(5))
            #expect(pair.messages(1 - side).last == .pattern(1, 0, count: 1100))
        }
    }

    /// Over a hundred streams, with five per cent of the packets lost: ten megabytes.
    @Test func megabytesBothWaysSurviveLossAndReordering() {
        let pair = InteropPair((.apus, .usrsctp), seed: 5, path: .init(jitter: .milliseconds(10)))
        pair.connect([0])
        pair.path.loss = 0.05
        let count = 400
        let all = (0..<count).map { Message.pattern(UInt16($0 % 100), $0, count: 25_000 + $0) }
        var sent = [0, 0]
        pair.run(
            for: .seconds(900), until: { pair.messages(0).count == count && pair.messages(1).count == count },
            step: {
                for side in 0..<2 {
                    while sent[side] < count,
                        pair.send(side, all[sent[side]], Reliability(isOrdered: sent[side] % 3 != 0, limit: .none))
                    {
                        sent[side] += 1
                    }
                }
            })
        for side in 0..<2 {
            #expect(pair.messages(side).count == count && Set(pair.messages(side)) == Set(all))
        }
    }
}
