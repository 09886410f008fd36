import STUN
import Testing
import Wire

/// RFC 5769.
struct VectorTests {
    static let request = hex(
        """
        000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74
        002400046e0001ff 80290008932ff9b151263b36 000600096576746a3a68367659202020
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf
        """)
    static let response4 = hex(
        """
        0101003c2112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
        002000080001a147e112a643 000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96
        """)
    static let response6 = hex(
        """
        010100482112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
        002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
        00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c
        """)
    static let longTerm = hex(
        """
        000100602112a44278ad3433c6ad72c029da412e 00060012e3839ee38388e383aae38383e382afe382b90000
        0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473 41
        0014000b6578616d706c652e6f726700 00080014f67024656dd64a3e02b8e0712e85c9a28ca89666
        """)

    @Test func sampleRequestIsReadAndVerified() throws {
        let parsed = try parse(Self.request)
        #expect(parsed.type == MessageType(.request))
        #expect(parsed.transactionID == TransactionID(high: 0xB7E7_A701, low: 0xBC34_D686_FA87_DFAE))
        #expect(parsed.software == "STUN test client")
        #expect(parsed.username == "evtj:h6vY")
        #expect(parsed.priority == 0x6E00_01FF)
        #expect(parsed.controlled == 0x932F_F9B1_5126_3B36)
        #expect(parsed.controlling == nil)
        #expect(!parsed.useCandidate)
        #expect(parsed.unknown.isEmpty)
        #expect(parsed.fingerprint)
        #expect(verifies(Self.request, password))
        #expect(ufrag(Self.request) == UfragKey("evtj"))
    }

    @Test func sampleResponsesCarryTheMappedAddress() throws {
        let four = try parse(Self.response4)
        #expect(four.type == MessageType(.success))
        #expect(four.mapped == address("192.0.2.1", 32853))
        #expect(four.software == "test vector")
        #expect(four.fingerprint)
        #expect(verifies(Self.response4, password))
        let six = try parse(Self.response6)
        #expect(six.mapped == address("2001:db8:1234:5678:11:2233:4455:6677", 32853))
        #expect(six.fingerprint)
        #expect(verifies(Self.response6, password))
        #expect(ufrag(Self.response6) == nil)
    }

    @Test func longTermRequestIsVerifiedWithTheDerivedKey() throws {
        let parsed = try parse(Self.longTerm)
        #expect(parsed.username == "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}")
        #expect(parsed.nonce == "f//499k954d6OL34oL9FSTvy64sA")
        #expect(parsed.realm == "example.org")
        // MD5 of username ":" realm ":" "TheMatrIX".
        #expect(verifies(Self.longTerm, hex("e8ca7ad59d5eb0518e312911d2dab2a9")))
        #expect(!parsed.fingerprint)
    }

    @Test func oneFlippedBitAnywhereIsNoticed() {
        for vector in [Self.request, Self.response4, Self.response6] {
            for bit in 0..<(vector.count * 8) {
                var changed = vector
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let parsed = try? parse(changed) else { continue }
                #expect(!parsed.fingerprint)
                // The fingerprint itself is not under the integrity; its header may become unknown.
                if bit < (vector.count - 8) * 8 { #expect(!verifies(changed, password)) }
            }
        }
    }
}
