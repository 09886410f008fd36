import Testing
import Wire

@testable import SCTP

@Suite struct ChecksumTests {
    /// Bit by bit, as the polynomial says.
    private func naive(_ packet: [UInt8]) -> UInt32 {
        var value = UInt32.max
        for (offset, byte) in packet.enumerated() {
            value ^= UInt32((8..<12).contains(offset) ? 0 : byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        }
        return (~value).byteSwapped
    }

    /// RFC 3720 appendix B.4: 32 bytes of zeros, whose own checksum field is zero as well.
    @Test func theExampleOfTheRFCHolds() {
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(CRC32C.checksum(of: zeros.span.bytes) == 0xAA36_918A)
    }

    @Test func allLengthsAgreeWithTheDefinition() {
        var random = SeededRandom(seed: 1)
        for length in 12..<80 {
            let packet = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            #expect(CRC32C.checksum(of: packet.span.bytes) == naive(packet), "\(length) bytes")
        }
    }
}
