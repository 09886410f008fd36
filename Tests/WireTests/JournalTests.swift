import Testing
import Wire

struct JournalTests {
    private static func memory(blocks: Int) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Journal.byteCount(blocks: blocks), alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        return memory
    }

    private static func note(_ seed: Int, bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
    }

    @Test func aSuccessorFindsEveryNoteInOrder() {
        let memory = Self.memory(blocks: 64)
        defer { memory.deallocate() }
        var journal = Journal(memory: memory)
        let lengths = [0, 1, 480, 481, 5000, 3]
        var written: [Journal.Note] = []
        for (seed, length) in lengths.enumerated() { written.append(journal.write(Self.note(seed, bytes: length))!) }
        journal.remove(written[1])
        let replaced = journal.replace(written[2], with: Self.note(77, bytes: 900))
        #expect(replaced != nil)
        let vacant = journal.vacantBlocks
        let successor = Journal(memory: memory)
        let found = successor.notes.map(\.bytes)
        #expect(
            found == [
                Self.note(0, bytes: 0), Self.note(3, bytes: 481), Self.note(4, bytes: 5000), Self.note(5, bytes: 3),
                Self.note(77, bytes: 900),
            ])
        #expect(successor.damaged == 0 && successor.vacantBlocks == vacant)
    }

    @Test func aFullJournalTakesNothingAndGivesItsRoomBack() {
        let memory = Self.memory(blocks: 4)
        defer { memory.deallocate() }
        var journal = Journal(memory: memory)
        let note = journal.write(Self.note(1, bytes: 1400))
        #expect(note != nil && journal.vacantBlocks == 1)
        #expect(journal.write(Self.note(2, bytes: 900)) == nil)
        #expect(journal.vacantBlocks == 1)
        journal.remove(note!)
        #expect(journal.vacantBlocks == 4)
        #expect(journal.write(Self.note(2, bytes: 900)) != nil)
    }

    @Test func whatWasTornIsFreedAndCostsNoOther() {
        var random = SeededRandom(seed: 5)
        for round in 0..<400 {
            let memory = Self.memory(blocks: 48)
            defer { memory.deallocate() }
            var journal = Journal(memory: memory)
            var written: [[UInt8]] = []
            for seed in 0..<8 {
                let bytes = Self.note(seed &+ round, bytes: Int(random.next() % 2000))
                if journal.write(bytes) != nil { written.append(bytes) }
            }
            // Stray writes, anywhere.
            for _ in 0..<(1 + Int(random.next() % 4)) {
                memory[Int(random.next() % UInt64(memory.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            var successor = Journal(memory: memory)
            let found = successor.notes.map(\.bytes)
            #expect(found.allSatisfy { written.contains($0) }, "round \(round)")
            #expect(found.count + successor.damaged + 4 >= written.count, "round \(round)")
            let used = 48 - successor.vacantBlocks
            #expect(used == found.reduce(0) { $0 + max(1, ($1.count + 479) / 480) }, "round \(round)")
            #expect(successor.write([1, 2, 3]) != nil || successor.vacantBlocks == 0)
        }
    }

    @Test func noiseIsNoJournal() {
        var random = SeededRandom(seed: 9)
        let memory = Self.memory(blocks: 32)
        defer { memory.deallocate() }
        for index in memory.indices { memory[index] = UInt8(truncatingIfNeeded: random.next()) }
        let journal = Journal(memory: memory)
        #expect(journal.notes.isEmpty && journal.vacantBlocks == 32)
    }

    /// A chain that leads back into itself, or into another note, ends the reading.
    @Test func chainsThatLeadNowhereAreNoNotes() {
        let memory = Self.memory(blocks: 8)
        defer { memory.deallocate() }
        var journal = Journal(memory: memory)
        _ = journal.write(Self.note(1, bytes: 1400))
        _ = journal.write(Self.note(2, bytes: 1400))
        // `next` of the first block lies after checksum, order and length.
        for next in [UInt32(0), 3, 7, 0xFFFF_FFF0] {
            var copy = Array(memory)
            copy.withUnsafeMutableBytes { bytes in
                bytes.storeBytes(of: next, toByteOffset: 20, as: UInt32.self)
                let successor = Journal(memory: bytes)
                let (count, damaged) = (successor.notes.count, successor.damaged)
                #expect(count == 1 && damaged == 1, "next \(next)")
            }
        }
    }
}
