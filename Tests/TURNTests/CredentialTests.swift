import Testing

@testable import TURN

@Suite struct CredentialTests {
    @Test func theLongTermKeyIsThatOfTheRFC() {
        // RFC 5769 section 2.4 uses SASLprepped non-ASCII text; RFC 8489 section 9.2.2's example is user:realm:pass.
        let key = LongTermCredential.key(username: "user", realm: "realm", password: "pass")
        #expect(
            key == [0x84, 0x93, 0xFB, 0xC5, 0x3B, 0xA5, 0x82, 0xFB, 0x4C, 0x04, 0x4C, 0x45, 0x6B, 0xDC, 0x40, 0xEB])
    }

    @Test func base64IsThatOfRFC4648() {
        let vectors = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
        ]
        for (text, expected) in vectors { #expect(LongTermCredential.base64(Array(text.utf8)) == expected) }
    }

    @Test func aTemporaryNameTellsItsEnd() {
        #expect(LongTermCredential.end(of: "1700000000:alice") == 1_700_000_000)
        #expect(LongTermCredential.end(of: "1700000000") == 1_700_000_000)
        for name in ["", "alice", ":1700000000", "-5:alice", "9999999999999999999:alice", "17x:alice"] {
            #expect(LongTermCredential.end(of: name) == nil)
        }
    }
}
