import Testing
import Wire

@testable import MDNS

func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func addresses(_ message: [UInt8]) throws -> [String] {
    try Message.addresses(in: message.span.bytes).map { "\($0.name) \($0.ip)" }
}

func refusal(_ message: [UInt8]) -> ParseError? {
    do throws(ParseError) {
        _ = try Message.addresses(in: message.span.bytes)
        return nil
    } catch { return error }
}

/// `abc.local`, an answer of one record in the answer section.
let name = "03616263" + "056c6f63616c00"
let header = "000084000000000100000000"

@Test(arguments: [
    "1b5e0a3e-6d0f-4d5e-8c0b-0a1b2c3d4e5f.local", "a.local", "A.LOCAL", String(repeating: "x", count: 63) + ".local",
])
func aLabelUnderLocalIsAName(_ text: String) {
    #expect(HostName(text)?.description == text.lowercased())
}

@Test(arguments: [
    "", ".local", "local", "a.b.local", "a.local.", "a.locale", "a.example", "-a.local", "a-.local", "a b.local",
    "a_b.local", "ä.local", "a\0.local", "192.0.2.1", String(repeating: "x", count: 64) + ".local",
    String(repeating: "x", count: 100_000) + ".local",
])
func nothingElseIsAName(_ text: String) { #expect(HostName(text) == nil) }

@Test func aQueryAsksForOneFamily() throws {
    let queries = Message.queries(for: try #require(HostName("abc.local")))
    let question = "000000000001000000000000" + name
    #expect(queries == [bytes(question + "00010001"), bytes(question + "001c0001")])
}

@Test func bothFamiliesAreReadFromAnySection() throws {
    let answer = bytes(
        "000084000001000100000001" + name + "00010001" + "c00c" + "000180010000007800 04c0000201" + "c00c"
            + "001c80010000007800 10" + "20010db8000000000000000000000001")
    #expect(try addresses(answer) == ["abc.local 192.0.2.1", "abc.local 2001:db8::1"])
}

/// Other records, other names, other classes, and what is about to go.
@Test(arguments: [
    name + "00108001000000780001ff", "03616263056c6f63616d00" + "000180010000007800 04c0000201",
    "0161" + name + "000180010000007800 04c0000201", name + "000180030000007800 04c0000201",
    name + "000180010000000000 04c0000201", "00" + "000180010000007800 04c0000201",
])
func whatIsNoAddressOfANameIsSkipped(_ record: String) throws {
    #expect(try addresses(bytes("000084000000000200000000" + record + name + "000180010000007800 04c0000202"))
        == ["abc.local 192.0.2.2"])
}

@Test func namesAreComparedWithoutCase() throws {
    #expect(try addresses(bytes(header + "03414243" + "054c4f43414c00" + "000180010000007800 04c0000201"))
        == ["abc.local 192.0.2.1"])
}

// MARK: Hostile input

@Test func everyCutIsRefused() throws {
    let answer = bytes(header + name + "000180010000007800 04c0000201")
    #expect(try addresses(answer).count == 1)
    for length in 0..<answer.count where length != 12 {
        #expect(refusal(Array(answer.prefix(length))) == .truncated, "\(length) bytes")
    }
    // Counts are a promise, not a fact: what is not there is not missed between two records.
    #expect(try addresses(Array(answer.prefix(12))).isEmpty)
}

@Test(arguments: ["0000", "8001", "8003", "8800", "8600"])
func whatIsNoAnswerIsRefused(_ flags: String) {
    #expect(refusal(bytes("0000" + flags + "0000000100000000" + name + "000180010000007800 04c0000201")) == .badHeader)
}

/// To itself, forward, to each other, and a label type that does not exist.
@Test(arguments: ["c00c", "c00e" + "00", "c00e" + "c00c", "03616263" + "c00c", "03616263" + "c010", "80", "40"])
func aNameThatGoesInACircleIsRefused(_ name: String) {
    #expect(refusal(bytes(header + name + "000180010000007800 04c0000201")) == .badValue)
}

@Test func pointersLeadBackSoFarAndNoFurther() {
    // A chain of pointers, each to the one before; the first one to an empty name in the header's counts.
    func chain(_ length: Int) -> [UInt8] {
        var message = bytes("000084000000 ffff00000000")
        var data: [UInt8] = [0xC0, 0x08]
        for index in 1..<length { data += [0xC0, UInt8(12 + 11 + 2 * (index - 1))] }
        message += [0] + bytes("001080010000007800") + [UInt8(data.count)] + data
        message += [0xC0, UInt8(12 + 11 + 2 * (length - 1))] + bytes("000180010000007800 04c0000201")
        return message
    }
    #expect(refusal(chain(15)) == nil)
    #expect(refusal(chain(16)) == .overLimit)
}

@Test func aNameIsNoLongerThanANameMayBe() {
    let label = "3f" + String(repeating: "61", count: 63)
    let record = "000180010000007800 04c0000201"
    #expect(refusal(bytes(header + String(repeating: label, count: 3) + "3d" + String(repeating: "61", count: 61) + "00" + record)) == nil)
    #expect(refusal(bytes(header + String(repeating: label, count: 4) + "00" + record)) == .overLimit)
}

@Test func countsBuyNoWork() throws {
    // 65 535 of each, and 64 records that are there.
    let record = "00" + "0010800100000078" + "0000"
    let many = bytes("000084000000ffffffffffff" + String(repeating: record, count: 100)
        + name + "000180010000007800 04c0000201")
    #expect(try addresses(many).isEmpty)
    #expect(refusal(bytes("00008400ffff000000000000")) == .overLimit)
    #expect(refusal([UInt8](repeating: 0, count: 9001)) == .overLimit)
}

@Test(arguments: ["000180010000007800 03c00002", "000180010000007800 05c000020101", "001c80010000007800 04c0000201"])
func anAddressHasTheLengthOfItsFamily(_ record: String) {
    #expect(refusal(bytes(header + name + record)) == .badLength)
}
