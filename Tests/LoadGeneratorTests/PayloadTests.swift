import RTP
import Testing
import Wire

@testable import LoadGenerator

/// One packet's worth of bytes with a payload in it.
struct WrittenPayload {
    var bytes: [UInt8]
    let start: Int

    init(
        run: UInt32 = 1, publisher: UInt16 = 2, stream: UInt8 = 0, number: UInt64 = 3, sentAt: UInt64 = 4,
        length: Int = 200, start: Int = 20
    ) {
        bytes = [UInt8](repeating: 0xEE, count: start + length)
        self.start = start
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        LoadPayload(run: run, publisher: publisher, stream: stream, number: number, sentAt: sentAt)
            .write(into: &raw, start, start + length)
    }

    func parse(verifiesChecksum: Bool = true) -> LoadPayload.Verdict {
        LoadPayload.parse(bytes.span.bytes, start, bytes.count, verifiesChecksum: verifiesChecksum)
    }
}

struct PayloadTests {
    @Test func whatIsWrittenIsRead() {
        for length in [32, 33, 39, 40, 63, 64, 65, 1_196] {
            let verdict = WrittenPayload(
                run: .max, publisher: 63, stream: LoadPayload.audioStream, number: 1 << 60, sentAt: .max, length: length
            ).parse()
            let expected = LoadPayload(
                run: .max, publisher: 63, stream: LoadPayload.audioStream, number: 1 << 60, sentAt: .max)
            #expect(verdict == .whole(expected), "\(length) bytes")
        }
    }

    @Test func everyFlippedBitIsFound() {
        let written = WrittenPayload(length: 101)
        for at in written.start..<written.bytes.count {
            for bit in 0..<8 {
                var broken = written
                broken.bytes[at] ^= 1 << bit
                #expect(broken.parse() == .corrupt, "byte \(at - written.start), bit \(bit)")
            }
        }
    }

    @Test func movedCutAndExtendedBytesAreFound() {
        let written = WrittenPayload(length: 200)
        var swapped = written
        swapped.bytes.swapAt(written.start + 60, written.start + 100)
        #expect(swapped.parse() == .corrupt)
        // Whole words change places within a lane of the checksum.
        var exchanged = written
        for offset in 0..<8 { exchanged.bytes.swapAt(written.start + 72 + offset, written.start + 104 + offset) }
        #expect(exchanged.parse() == .corrupt)
        for length in [0, 4, 31, 32, 100, 199] {
            let end = written.start + length
            #expect(LoadPayload.parse(written.bytes.span.bytes, written.start, end, verifiesChecksum: true) == .corrupt)
        }
        let longer = written.bytes + [0]
        #expect(
            LoadPayload.parse(longer.span.bytes, written.start, longer.count, verifiesChecksum: true) == .corrupt)
    }

    @Test func rangesOutsideThePacketAreCorrupt() {
        let written = WrittenPayload()
        for (start, end) in [(-1, 100), (0, 1_000), (100, 50), (220, 220)] {
            #expect(LoadPayload.parse(written.bytes.span.bytes, start, end, verifiesChecksum: true) == .corrupt)
        }
    }

    @Test func fillingDiffersFromPacketToPacketAndRepeatsForTheSameOne() {
        let first = WrittenPayload(number: 1).bytes[52...]
        #expect(first != WrittenPayload(number: 2).bytes[52...])
        #expect(first != WrittenPayload(publisher: 3, number: 1).bytes[52...])
        #expect(first == WrittenPayload(number: 1, sentAt: 99).bytes[52...])
    }

    @Test(arguments: [(true, true), (true, false), (false, false)])
    func vp8PacketsAreValidAndHoldTheirPayload(isFirst: Bool, isKeyFrame: Bool) throws {
        var bytes = [UInt8](repeating: 0, count: 300)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        let content = MediaFraming.writeVP8(
            into: &raw, at: 10, isFirst: isFirst, isKeyFrame: isKeyFrame, pictureID: 0x1234, frameBytes: 6_000,
            size: (1280, 720))
        let payload = Array(bytes[10...])
        let descriptor = try VP8PayloadDescriptor(parsing: payload.span.bytes)
        #expect(descriptor.pictureID == 0x1234 && descriptor.hasLongPictureID)
        #expect(descriptor.startsPartition == isFirst && descriptor.partition == 0)
        #expect(descriptor.isKeyFrameStart == (isFirst && isKeyFrame))
        #expect(MediaFraming.payloadStart(.video, bytes.span.bytes, 10..<300) == content)
        if isKeyFrame {
            // RFC 6386 section 9.1: start code, then width and height in little-endian order.
            #expect(bytes[17..<24].elementsEqual([0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0, 0x02]))
        }
    }

    @Test func garbageHasNoPayload() {
        let empty: [UInt8] = [0x90, 0x80]
        #expect(MediaFraming.payloadStart(.video, empty.span.bytes, 0..<2) == nil)
        #expect(MediaFraming.payloadStart(.audio, empty.span.bytes, 0..<0) == nil)
    }
}
