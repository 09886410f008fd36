import Testing
import Wire

@Suite struct ContainerTests {
    struct Record: BitwiseCopyable, Equatable {
        var key: UInt64
        var other: UInt32
    }

    @Test func aSlabHandleFindsItsRecordUntilRemovalAndNothingAfterwards() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Slab<Record>.byteCount(capacity: 2), alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var slab = Slab<Record>(memory: memory, capacity: 2)
        let inserted = (slab.insert(Record(key: 1, other: 2)), slab.insert(Record(key: 3, other: 4)))
        let first = try #require(inserted.0)
        let second = try #require(inserted.1)
        let isFull = slab.insert(Record(key: 5, other: 6)) == nil
        #expect(isFull)
        let isRemoved = slab.remove(first)
        #expect(isRemoved)
        let isRemovedTwice = slab.remove(first)
        #expect(!isRemovedTwice)
        let reinserted = slab.insert(Record(key: 7, other: 8))
        let third = try #require(reinserted)
        #expect(third.index == first.index && third != first)
        let stale = slab.pointer(to: first) == nil
        #expect(stale)
        let found = slab.pointer(to: second)?.pointee
        #expect(found == Record(key: 3, other: 4))
    }

    @Test func aSuccessorFindsWhatWasLiveInTheMemory() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Slab<Record>.byteCount(capacity: 8), alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var slab = Slab<Record>(memory: memory, capacity: 8)
        var handles: [SlabHandle] = []
        for key in 0..<6 {
            let handle = slab.insert(Record(key: UInt64(key), other: 0))
            handles.append(try #require(handle))
        }
        slab.remove(handles[2])
        let successor = Slab<Record>(memory: memory, capacity: 8)
        let count = successor.count
        #expect(count == 5)
        let live = successor.handles
        #expect(Set(live) == Set(handles.filter { $0 != handles[2] }))
        let key = successor.pointer(to: handles[4])?.pointee.key
        #expect(key == 4)
    }

    @Test func removalLeavesNoKeyBehind() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Slab<Record>.byteCount(capacity: 1), alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var slab = Slab<Record>(memory: memory, capacity: 1)
        let inserted = slab.insert(Record(key: 0xDEAD_BEEF_DEAD_BEEF, other: 0xDEAD_BEEF))
        let handle = try #require(inserted)
        slab.remove(handle)
        let hasSecret = memory.contains(0xDE) || memory.contains(0xEF)
        #expect(!hasSecret)
    }

    @Test func aFullRingRefusesOrEvicts() {
        var ring = Ring<Int>(capacity: 2)
        let accepted = [ring.push(1), ring.push(2), ring.push(3)]
        #expect(accepted == [true, true, false])
        let evicted = ring.pushEvictingOldest(3)
        #expect(evicted == 1)
        let popped = [ring.pop(), ring.pop(), ring.pop()]
        #expect(popped == [2, 3, nil])
    }

    @Test func aRingWithoutReserveGrowsToItsCapacityInOrder() {
        var ring = Ring<Int>(capacity: 11, reserving: 0)
        var next = 0
        var expected = 0
        for round in 1...40 {
            for _ in 0..<(round % 9) where ring.push(next) { next += 1 }
            for _ in 0..<(round % 7) {
                guard let element = ring.pop() else { break }
                #expect(element == expected)
                expected += 1
            }
        }
        while ring.push(next) { next += 1 }
        #expect(ring.count == 11 && ring.isFull && ring.first == expected)
        while let element = ring.pop() {
            #expect(element == expected)
            expected += 1
        }
        #expect(expected == next && next > 40)
    }

    @Test func aSlotOfASlabIsGivenOutZeroedAgain() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Slab<Record>.byteCount(capacity: 1), alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var slab = Slab<Record>(memory: memory, capacity: 1)
        for round in 1...3 {
            let inserted = slab.insertZeroed()
            let handle = try #require(inserted)
            let found = slab.pointer(to: handle)
            let pointer = try #require(found)
            #expect(pointer.pointee.key == 0 && pointer.pointee.other == 0)
            let second = slab.insertZeroed()
            #expect(second == nil, "it is full")
            pointer.pointee = Record(key: UInt64(round), other: 7)
            let isRemoved = slab.remove(handle) { $0.pointee = Record(key: 0, other: 0) }
            let isFound = slab.contains(handle)
            let isRemovedAgain = slab.remove(handle)
            #expect(isRemoved && !isFound && !isRemovedAgain)
        }
    }

    @Test func everyDropReasonHasItsOwnLabel() {
        #expect(Set(DropReason.allCases.map(\.label)).count == DropReason.allCases.count)
        #expect(DropReason.srtpBadTag.label == "srtp_bad_tag")
    }

    @Test func aSeedDeterminesTheStream() {
        var left = SeededRandom(seed: 42)
        var right = SeededRandom(seed: 42)
        #expect(left.bytes(100) == right.bytes(100))
        #expect(left.iceCharacters(24).count == 24)
        var child = left.split()
        #expect(child.next() != left.next())
    }
}
