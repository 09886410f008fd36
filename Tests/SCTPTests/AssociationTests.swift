import Foundation
import Testing
import Wire

@testable import SCTP

@Suite struct AssociationTests {
    // MARK: Establishment

    @Test func oneSideBegins() {
        var pair = AssociationPair()
        pair.connect()
        #expect(pair.leftEvents == [.connected])
        #expect(pair.rightEvents == [.connected])
        #expect(pair.drops == [])
    }

    @Test func bothSidesBegin() {
        var pair = AssociationPair()
        pair.right.connect(now: pair.now)
        pair.connect()
        #expect(pair.leftEvents == [.connected])
        #expect(pair.rightEvents == [.connected])
    }

    @Test(arguments: 1...20) func establishesUnderHeavyLoss(seed: Int) {
        var pair = AssociationPair(seed: UInt64(seed), path: .init(loss: 0.3, jitter: .milliseconds(60)))
        if seed % 2 == 0 { pair.right.connect(now: pair.now) }
        pair.connect()
        pair.run(for: .seconds(45))
        #expect(pair.left.isConnected && pair.right.isConnected)
    }

    @Test func givesUpOnAPeerThatDoesNotAnswer() {
        var pair = AssociationPair(path: .init(loss: 1))
        pair.connect()
        pair.run(for: .seconds(60))
        #expect(pair.leftEvents == [.ended(.lost)])
        #expect(pair.left.deadline == .distantFuture)
    }

    @Test func aPeerThatForgotBeginsAnew() throws {
        var pair = AssociationPair()
        pair.connect()
        try pair.left.send(.pattern(0, 0, count: 10), .full, now: pair.now)
        pair.run(for: .seconds(1))
        pair.forgetEvents()
        pair.right = AssociationPair.association(SeededRandom(seed: 77))
        pair.right.connect(now: pair.now)
        pair.run(for: .seconds(2))
        #expect(pair.leftEvents == [.restarted])
        #expect(pair.rightEvents == [.connected])
        try pair.left.send(.pattern(0, 1, count: 10), .full, now: pair.now)
        try pair.right.send(.pattern(0, 2, count: 10), .full, now: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.rightMessages == [.pattern(0, 1, count: 10)])
        #expect(pair.leftMessages == [.pattern(0, 2, count: 10)])
    }

    @Test func abortEndsBothSides() {
        var pair = AssociationPair()
        pair.connect()
        pair.left.abort()
        pair.run(for: .seconds(1))
        #expect(pair.leftEvents.last == .ended(.closedHere))
        #expect(pair.rightEvents.last == .ended(.closedByPeer))
    }

    @Test func aSilentPeerIsGivenUpWhileSomethingWaits() throws {
        var pair = AssociationPair()
        pair.connect()
        pair.path.loss = 1
        try pair.left.send(.pattern(0, 0, count: 10), .full, now: pair.now)
        pair.run(for: .seconds(600))
        #expect(pair.leftEvents.last == .ended(.lost))
    }

    // MARK: Messages

    @Test func messagesOfEverySizeArriveWhole() throws {
        var pair = AssociationPair()
        pair.connect()
        let sizes = [1, 2, 3, 1131, 1132, 1133, 2264, 2265, 65_536, Limits.messageLength]
        for (index, size) in sizes.enumerated() {
            try pair.left.send(.pattern(3, index, count: size), .full, now: pair.now)
        }
        pair.run(for: .seconds(10))
        #expect(pair.rightMessages == sizes.enumerated().map { .pattern(3, $0.offset, count: $0.element) })
        #expect(pair.left.bufferedByteCount == 0)
    }

    @Test func whatCannotBeSentIsRefused() {
        var pair = AssociationPair()
        let now = pair.now
        #expect(throws: Association.SendError.notConnected) {
            try pair.left.send(.pattern(0, 0, count: 1), .full, now: now)
        }
        pair.connect()
        for count in [0, Limits.messageLength + 1] {
            #expect(throws: Association.SendError.badLength) {
                try pair.left.send(.pattern(0, 0, count: count), .full, now: now)
            }
        }
        #expect(throws: Association.SendError.unknownStream) {
            try pair.left.send(.pattern(Limits.streams, 0, count: 1), .full, now: now)
        }
        #expect(throws: Association.SendError.bufferFull) {
            for _ in 0..<5 { try pair.left.send(.pattern(0, 0, count: Limits.messageLength), .full, now: now) }
        }
    }

    /// Over a hundred streams, with five per cent of the packets lost: a megabyte, and ten with `APUS_SWEEP` set.
    @Test func megabytesBothWaysSurviveLossAndReordering() {
        var pair = AssociationPair(seed: 5, path: .init(loss: 0.05, jitter: .milliseconds(10)))
        pair.connect()
        let count = ProcessInfo.processInfo.environment["APUS_SWEEP"] == nil ? 40 : 400
        var sent = (left: 0, right: 0)
        func fill(_ association: inout Association, _ sent: inout Int, now: Instant) {
            while sent < count, association.bufferedByteCount < 300_000 {
                let message = Message.pattern(UInt16(sent % 100), sent, count: 25_000 + sent)
                let reliability = Reliability(isOrdered: sent % 3 != 0, limit: .none)
                guard (try? association.send(message, reliability, now: now)) != nil else { return }
                sent += 1
            }
        }
        pair.run(for: .seconds(300)) { pair in
            fill(&pair.left, &sent.left, now: pair.now)
            fill(&pair.right, &sent.right, now: pair.now)
        }
        let all = Set((0..<count).map { Message.pattern(UInt16($0 % 100), $0, count: 25_000 + $0) })
        #expect(pair.rightMessages.count == count && Set(pair.rightMessages) == all)
        #expect(pair.leftMessages.count == count && Set(pair.leftMessages) == all)
    }

    @Test(arguments: 1...8) func orderedStreamsKeepTheirOrder(seed: Int) throws {
        var pair = AssociationPair(seed: UInt64(seed), path: .init(loss: 0.1, jitter: .milliseconds(30)))
        pair.connect()
        pair.run(for: .seconds(20))
        for index in 0..<60 {
            try pair.left.send(.pattern(UInt16(index % 3), index, count: 200 + index * 37), .full, now: pair.now)
        }
        pair.run(for: .seconds(120))
        for stream in 0..<3 {
            let expected = stride(from: stream, to: 60, by: 3).map {
                Message.pattern(UInt16(stream), $0, count: 200 + $0 * 37)
            }
            #expect(pair.rightMessages.filter { $0.stream == UInt16(stream) } == expected)
        }
    }

    @Test func unorderedMessagesDoNotWaitForALostOne() throws {
        var pair = AssociationPair()
        pair.connect()
        var seen = 0
        pair.filter = { isForRight, bytes in
            guard isForRight, bytes[12] == ChunkType.data else { return true }
            seen += 1
            return seen != 1
        }
        let unordered = Reliability(isOrdered: false, limit: .none)
        for index in 0..<3 { try pair.left.send(.pattern(1, index, count: 1132), unordered, now: pair.now) }
        pair.run(for: .milliseconds(100))
        #expect(pair.rightMessages == [.pattern(1, 1, count: 1132), .pattern(1, 2, count: 1132)])
        pair.run(for: .seconds(2))
        #expect(pair.rightMessages.last == .pattern(1, 0, count: 1132))
    }

    @Test func aPathWithoutLossIsUsedWithoutRetransmissions() throws {
        var pair = AssociationPair(path: .init(delay: .milliseconds(50)))
        pair.connect()
        var sent = 0
        let start = pair.now
        var done = start
        pair.run(for: .seconds(30)) { pair in
            while sent < 40, (try? pair.left.send(.pattern(0, sent, count: 100_000), .full, now: pair.now)) != nil {
                sent += 1
            }
            if done == start, pair.rightMessages.count == 40 { done = pair.now }
        }
        #expect(pair.rightMessages.count == 40)
        #expect(!pair.drops.contains(.sctpDuplicate))
        // Slow start doubles each round trip of 100 ms up to the window of 1 MiB.
        #expect(done - start < .seconds(3))
    }

    // MARK: Partial reliability

    @Test func aMessageWithoutRetransmissionsIsGivenUp() throws {
        var pair = AssociationPair()
        pair.connect()
        var lost = 0
        pair.filter = { isForRight, bytes in
            guard isForRight, bytes[12] == ChunkType.data, lost < 2 else { return true }
            lost += 1
            return false
        }
        let once = Reliability(isOrdered: true, limit: .retransmissions(0))
        for index in 0..<4 { try pair.left.send(.pattern(2, index, count: 1132), once, now: pair.now) }
        pair.run(for: .seconds(5))
        #expect(pair.rightMessages == [.pattern(2, 2, count: 1132), .pattern(2, 3, count: 1132)])
        #expect(pair.left.bufferedByteCount == 0)
    }

    @Test(arguments: 1...10) func whatIsGivenUpNeverHoldsUpWhatIsNot(seed: Int) throws {
        var pair = AssociationPair(seed: UInt64(seed), path: .init(loss: 0.15, jitter: .milliseconds(30)))
        pair.connect()
        pair.run(for: .seconds(30))
        for index in 0..<80 {
            let limit: Reliability.Limit =
                switch index % 4 {
                case 0: .none
                case 1: .retransmissions(0)
                case 2: .retransmissions(1)
                default: .lifetime(.milliseconds(300))
                }
            let reliability = Reliability(isOrdered: index % 5 != 0, limit: limit)
            try pair.left.send(.pattern(UInt16(index % 3), index, count: 3000 + index), reliability, now: pair.now)
            pair.run(for: .milliseconds(10))
        }
        pair.run(for: .seconds(120))
        let arrived = Set(pair.rightMessages)
        #expect(arrived.count == pair.rightMessages.count)
        for index in stride(from: 0, to: 80, by: 4) {
            #expect(arrived.contains(.pattern(UInt16(index % 3), index, count: 3000 + index)))
        }
        #expect(pair.left.bufferedByteCount == 0)
        // The path is free again, on every stream.
        pair.path.loss = 0
        for stream in 0..<3 { try pair.left.send(.pattern(UInt16(stream), 99, count: 5), .full, now: pair.now) }
        pair.run(for: .seconds(10))
        #expect(pair.rightMessages.suffix(3).map(\.bytes.count) == [5, 5, 5])
    }

    @Test func aMessageThatIsTooOldIsNotSentAtAll() throws {
        var pair = AssociationPair()
        pair.connect()
        let brief = Reliability(isOrdered: true, limit: .lifetime(.milliseconds(1)))
        // The window of ten packets is full before its turn comes.
        try pair.left.send(.pattern(0, 0, count: 100_000), .full, now: pair.now)
        try pair.left.send(.pattern(1, 1, count: 1000), brief, now: pair.now)
        try pair.left.send(.pattern(1, 2, count: 1000), .full, now: pair.now)
        pair.run(for: .seconds(5))
        #expect(pair.rightMessages.count == 2)
        #expect(!pair.rightMessages.contains(.pattern(1, 1, count: 1000)))
    }

    // MARK: Windows

    @Test func aReaderThatHoldsBackStopsItsSender() throws {
        var pair = AssociationPair()
        pair.connect()
        pair.right.hold(Limits.receiveWindow)
        for index in 0..<3 { try pair.left.send(.pattern(0, index, count: 200_000), .full, now: pair.now) }
        pair.run(for: .seconds(20))
        #expect(pair.rightMessages.count < 3)
        pair.right.hold(0)
        pair.run(for: .seconds(3))
        #expect(pair.rightMessages.count == 3)
        #expect(pair.left.isConnected)
    }

    /// It numbers its messages from 1, so that each waits for a first one that never comes.
    @Test func whoFillsTheWindowWithWhatCannotBeHandedOverIsCutOff() throws {
        var pair = AssociationPair()
        pair.connect()
        var tsn = pair.left.localTSN
        var drop: DropReason?
        for sequence in 1...5000 where drop == nil {
            var writer = PacketWriter(pair.left.header(tag: pair.right.localTag), size: 1160)
            let chunk = DataChunk(
                tsn: tsn, stream: 0, sequence: UInt16(sequence), payloadProtocol: 53, isUnordered: false,
                isFirst: true, isLast: true, isUrgent: false)
            writer.write(chunk, payload: [UInt8](repeating: 1, count: 1000)[...])
            tsn = tsn.advanced(by: 1)
            do { try pair.right.receive(writer.finish().span.bytes, now: pair.now) } catch { drop = error }
            while pair.right.nextTransmit(now: pair.now) != nil {}
        }
        #expect(drop == .sctpViolation)
        #expect(pair.right.isEnded)
        let taken = Int(tsn.distance(from: pair.left.localTSN)) * 1000
        #expect(taken > Limits.receiveWindow / 2 && taken < Limits.receiveWindow + Limits.messageLength + 2000)
    }

    // MARK: Resets

    @Test func aStreamBeginsAnewOnceAllOfItIsThrough() throws {
        var pair = AssociationPair(seed: 3)
        pair.connect()
        pair.path = .init(loss: 0.2, jitter: .milliseconds(20))
        for index in 0..<5 { try pair.left.send(.pattern(7, index, count: 4000), .full, now: pair.now) }
        pair.left.reset(7, now: pair.now)
        let now = pair.now
        #expect(throws: Association.SendError.streamClosing) {
            try pair.left.send(.pattern(7, 9, count: 10), .full, now: now)
        }
        try pair.left.send(.pattern(8, 0, count: 10), .full, now: pair.now)
        pair.run(for: .seconds(60))
        #expect(pair.leftEvents.contains(.outboundReset([7])))
        try pair.left.send(.pattern(7, 9, count: 10), .full, now: pair.now)
        pair.run(for: .seconds(60))
        let events = pair.rightEvents.filter { $0 != .message(.pattern(8, 0, count: 10)) }
        #expect(events.dropFirst().prefix(5) == (0..<5).map { .message(.pattern(7, $0, count: 4000)) }[...])
        #expect(events.dropFirst(6) == [.inboundReset([7]), .message(.pattern(7, 9, count: 10))][...])
    }

    /// A request that overtook data is performed when the data is there, without being repeated
    /// (RFC 6525 section 5.2.2).
    @Test func aResetThatOvertookDataWaitsForIt() throws {
        var pair = AssociationPair()
        pair.connect()
        try pair.left.send(.pattern(3, 0, count: 900), .full, now: pair.now)
        let sent = pair.left.nextTransmit(now: pair.now)
        let data = try #require(sent)
        var writer = PacketWriter(pair.left.header(tag: pair.right.localTag), size: 1160)
        let first = pair.left.localTSN.rawValue
        writer.write(ChunkType.reconfiguration) { writer in
            writer.writeParameter(13) { writer in
                for value in [first, pair.right.localTSN.rawValue &- 1, first] { writer.write(value) }
                writer.write(UInt16(3))
            }
        }
        try pair.right.receive(writer.finish().span.bytes, now: pair.now)
        let (early, none) = (pair.right.nextTransmit(now: pair.now), pair.right.nextEvent())
        #expect(early == nil)
        #expect(none == nil)
        try pair.right.receive(data.span.bytes, now: pair.now)
        let (message, reset) = (pair.right.nextEvent(), pair.right.nextEvent())
        #expect(message == .message(.pattern(3, 0, count: 900)))
        #expect(reset == .inboundReset([3]))
        let answer = pair.right.nextTransmit(now: pair.now)
        // The last eight bytes are the request's number and "performed".
        let number = [24, 16, 8, 0].map { (shift: UInt32) -> UInt8 in UInt8(truncatingIfNeeded: first >> shift) }
        #expect(answer?.suffix(8) == ArraySlice(number + [0, 0, 0, 1]))
    }

    @Test func shutdownOfThePeerIsAnsweredOnceAllIsThrough() throws {
        var pair = AssociationPair()
        pair.connect()
        try pair.left.send(.pattern(0, 0, count: 50_000), .full, now: pair.now)
        var writer = PacketWriter(pair.right.header(tag: pair.left.localTag), size: 1160)
        writer.write(ChunkType.shutdown) { $0.write(UInt32(0)) }
        try pair.left.receive(writer.finish().span.bytes, now: pair.now)
        pair.run(for: .milliseconds(500))
        #expect(pair.rightMessages.count == 1)
        #expect(pair.left.phase == .shutdownAckSent)
        var last = PacketWriter(pair.right.header(tag: pair.left.localTag), size: 1160)
        last.write(ChunkType.shutdownComplete)
        try pair.left.receive(last.finish().span.bytes, now: pair.now)
        #expect(pair.left.isEnded)
    }

    /// A peer that ends may say with SHUTDOWN alone what has arrived (section 9.2).
    @Test func whatShutdownNamesIsNotSentAgain() throws {
        var pair = AssociationPair()
        pair.connect()
        var packets = 0
        pair.filter = { isForRight, bytes in
            if isForRight, bytes[12] == ChunkType.data { packets += 1 }
            // No SACK arrives.
            return isForRight
        }
        for index in 0..<2 { try pair.left.send(.pattern(0, index, count: 1132), .full, now: pair.now) }
        pair.run(for: .milliseconds(100))
        var writer = PacketWriter(pair.right.header(tag: pair.left.localTag), size: 1160)
        writer.write(ChunkType.shutdown) { $0.write(pair.left.localTSN.advanced(by: 1).rawValue) }
        try pair.left.receive(writer.finish().span.bytes, now: pair.now)
        pair.run(for: .seconds(5))
        #expect(packets == 2)
        #expect(pair.left.bufferedByteCount == 0)
        #expect(pair.left.phase == .shutdownAckSent)
    }
}
