import Testing
import Wire

@testable import SCTP

/// A message cut into pieces with the numbers that follow each other from `first` on.
private struct Cut {
    var message: Message
    var pieces: [(chunk: DataChunk, bytes: [UInt8], number: Int64)] = []

    init(_ message: Message, from first: Int64, sequence: UInt16, isUnordered: Bool, size: Int) {
        self.message = message
        var number = first
        for start in stride(from: 0, to: message.bytes.count, by: size) {
            let end = min(start + size, message.bytes.count)
            let chunk = DataChunk(
                tsn: TSN(UInt32(truncatingIfNeeded: number)), stream: message.stream, sequence: sequence,
                payloadProtocol: message.payloadProtocol, isUnordered: isUnordered, isFirst: start == 0,
                isLast: end == message.bytes.count, isUrgent: false)
            pieces.append((chunk, Array(message.bytes[start..<end]), number))
            number += 1
        }
    }
}

private func message(_ stream: UInt16, _ bytes: [UInt8]) -> Message {
    Message(stream: stream, payloadProtocol: 53, bytes: bytes)
}

@Suite struct ReassemblyTests {
    /// Three streams, one of them unordered; pieces in any order.
    @Test func piecesInAnyOrderMakeTheMessagesInTheirOrder() {
        var random = SeededRandom(seed: 3)
        for round in 0..<40 {
            var cuts: [Cut] = []
            var number: Int64 = 1 << 32
            var next: [UInt16] = [0xFFFE, 0xFFFE, 0]
            var reassembly = Reassembly()
            for stream in 0..<2 { reassembly.skip(stream: UInt16(stream), through: 0x7FFF) }
            for stream in 0..<2 { reassembly.skip(stream: UInt16(stream), through: 0xFFFD) }
            for _ in 0..<30 {
                let stream = Int(random.next() % 3)
                let bytes = (0..<1 + random.next() % 60).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                let cut = Cut(
                    message(UInt16(stream), bytes), from: number, sequence: next[stream], isUnordered: stream == 2,
                    size: 10)
                next[stream] &+= 1
                number += Int64(cut.pieces.count)
                cuts.append(cut)
            }
            var pieces = cuts.flatMap(\.pieces)
            pieces.shuffle(using: &random)
            var got: [Message] = []
            for piece in pieces {
                reassembly.insert(piece.chunk, piece.bytes, at: piece.number)
                got += reassembly.takeReady()
            }
            for stream in UInt16(0)..<2 {
                let sent = cuts.map(\.message).filter { $0.stream == stream }
                #expect(got.filter { $0.stream == stream } == sent, "round \(round)")
            }
            let unordered = Set(cuts.map(\.message).filter { $0.stream == 2 })
            #expect(Set(got.filter { $0.stream == 2 }) == unordered && got.count == 30)
            #expect(reassembly.used == 0, "round \(round)")
        }
    }

    @Test func whatIsGivenUpHoldsNobodyUp() {
        var reassembly = Reassembly()
        let lost = Cut(message(0, [1, 2, 3, 4]), from: 100, sequence: 0, isUnordered: false, size: 2)
        let whole = Cut(message(0, [5]), from: 102, sequence: 1, isUnordered: false, size: 2)
        let later = Cut(message(0, [6]), from: 104, sequence: 3, isUnordered: false, size: 2)
        for piece in [lost.pieces[0], whole.pieces[0], later.pieces[0]] {
            reassembly.insert(piece.chunk, piece.bytes, at: piece.number)
        }
        #expect(reassembly.takeReady() == [])
        #expect(reassembly.used == 2 + 1 + 1 + 3 * Limits.pieceOverhead)
        reassembly.forward(to: 101)
        reassembly.skip(stream: 0, through: 0)
        #expect(reassembly.takeReady() == [message(0, [5])])
        reassembly.skip(stream: 0, through: 2)
        #expect(reassembly.takeReady() == [message(0, [6])])
        #expect(reassembly.used == 0)
    }

    @Test func aResetStreamBeginsAnew() {
        var reassembly = Reassembly()
        for (number, sequence) in [(1, 0), (2, 1), (3, 5)] as [(Int64, UInt16)] {
            let piece = Cut(message(4, [9]), from: number, sequence: sequence, isUnordered: false, size: 9).pieces[0]
            reassembly.insert(piece.chunk, piece.bytes, at: piece.number)
        }
        #expect(reassembly.takeReady().count == 2)
        reassembly.reset(stream: 4)
        #expect(reassembly.used == 0)
        let piece = Cut(message(4, [7]), from: 4, sequence: 0, isUnordered: false, size: 9).pieces[0]
        reassembly.insert(piece.chunk, piece.bytes, at: piece.number)
        #expect(reassembly.takeReady() == [message(4, [7])])
    }

    @Test func piecesOfDifferentMessagesAreNotJoined() {
        var reassembly = Reassembly()
        // A first piece, and behind it a last one of another message.
        let first = Cut(message(0, [1, 2]), from: 1, sequence: 0, isUnordered: false, size: 1).pieces[0]
        let last = Cut(message(1, [3, 4]), from: 1, sequence: 0, isUnordered: false, size: 1).pieces[1]
        reassembly.insert(first.chunk, first.bytes, at: 1)
        reassembly.insert(last.chunk, last.bytes, at: 2)
        #expect(reassembly.takeReady() == [] && reassembly.used == 2 + 2 * Limits.pieceOverhead)
    }

    @Test func aMessageThatGrowsTooLongIsSeen() {
        var reassembly = Reassembly()
        let long = Cut(
            message(0, [UInt8](repeating: 1, count: Limits.messageLength + 1)), from: 1, sequence: 0,
            isUnordered: false, size: 65_536)
        for piece in long.pieces {
            let isTooLong = reassembly.isTooLong(piece.chunk, count: piece.bytes.count, at: piece.number)
            #expect(isTooLong == piece.chunk.isLast)
            if !isTooLong { reassembly.insert(piece.chunk, piece.bytes, at: piece.number) }
        }
    }
}
