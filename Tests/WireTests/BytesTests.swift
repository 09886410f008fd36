import Testing
import Wire

@Suite struct BytesTests {
    @Test func readerReadsBigEndianAndStopsAtTheEnd() throws {
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
        var reader = ByteReader(bytes.span.bytes)
        let start = (try reader.readUInt8(), try reader.readUInt16(), try reader.readUInt24())
        #expect(start == (1, 0x0203, 0x040506))
        let word = try reader.readUInt32()
        let remaining = reader.remaining
        #expect(word == 0x0708_090A && remaining == 8)
        let last = try reader.readUInt64()
        let isAtEnd = reader.isAtEnd
        #expect(last == 0x0B0C_0D0E_0F10_1112 && isAtEnd)
        var thrown: ParseError?
        do throws(ParseError) { _ = try reader.readUInt8() } catch { thrown = error }
        #expect(thrown == .truncated)
    }

    @Test func lyingLengthsAreTruncationNotTraps() {
        let bytes: [UInt8] = [1, 2, 3]
        for count in [-1, 4, Int.max, Int.min] {
            var reader = ByteReader(bytes.span.bytes)
            var isRefused = false
            do throws(ParseError) { _ = try reader.readBytes(count) } catch { isRefused = error == .truncated }
            #expect(isRefused)
        }
    }

    @Test func whatTheWriterWritesTheReaderReads() throws {
        var writer = ByteWriter()
        writer.write(UInt8(7))
        writer.write(UInt16(0xABCD))
        writer.writeUInt24(0x123456)
        writer.padToWord()
        writer.write(UInt64(42))
        writer.patch(0x1111, at: 1)
        #expect(writer.bytes == [7, 0x11, 0x11, 0x12, 0x34, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42])
    }

    @Test func intervalsSaturateInsteadOfTrapping() {
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant.origin - .seconds(1) == .origin)
        #expect(Interval.seconds(.max) == Interval(nanoseconds: .max))
        #expect(Interval(nanoseconds: .min) - .seconds(1) == Interval(nanoseconds: .min))
        #expect(Instant.origin - Instant.distantFuture == Interval(nanoseconds: -.max))
    }
}
