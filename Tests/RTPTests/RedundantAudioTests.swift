import RTP
import Testing
import Wire

private func parse(_ text: String) throws(ParseError) -> RedundantAudio {
    try RedundantAudio(parsing: hex(text).span.bytes)
}

private func refusal(_ text: String) -> ParseError? {
    do {
        _ = try parse(text)
        return nil
    } catch { return error }
}

/// Two redundant frames 1920 and 960 ticks old, then the primary one.
private let packet = "ef 1e0004 ef 0f0003 6f 01020304 050607 08090a"

@Test func redundantBlocksAndThePrimaryOneLieWhereTheirHeadersSay() throws {
    let redundancy = try parse(packet)
    #expect(redundancy.redundantCount == 2 && redundancy.payloadType == 111 && redundancy.isUniform)
    #expect(redundancy.primaryOffset == 16)
    let bytes = hex(packet)
    let blocks = (0..<3).map { redundancy.block(at: $0, in: bytes.span.bytes) }
    #expect(blocks.map { $0?.payloadType } == [111, 111, nil])
    #expect(blocks.map { $0?.timestampOffset } == [1920, 960, nil])
    #expect(blocks.map { $0?.range } == [9..<13, 13..<16, nil])
}

@Test func aPrimaryBlockMayStandAlone() throws {
    let redundancy = try parse("6f 0102")
    #expect(redundancy.redundantCount == 0 && redundancy.primaryOffset == 1 && redundancy.isUniform)
}

@Test func blocksOfSeveralFormatsAreTold() throws {
    #expect(try !parse("80 0f0002 6f aabb 01").isUniform)
    #expect(try !parse("ef 0f0001 80 0f0001 6f aa bb 01").isUniform)
}

@Test func headersThatContradictThePayloadAreRefused() {
    #expect(refusal("") == .truncated)
    #expect(refusal("ef 0f00") == .truncated)
    // No header ends the list.
    #expect(refusal("ef 0f0000") == .truncated)
    // The block is longer than the payload, or takes all of it.
    #expect(refusal("ef 0f0003 6f 0102") == .badLength)
    #expect(refusal("ef 0f0003 6f 010203") == .badLength)
    #expect(refusal("ef 0fffff 6f 010203") == .badLength)
    #expect(refusal("6f") == .badLength)
    let most = String(repeating: "ef 0f0000", count: Limits.redundantBlocks)
    #expect(refusal(most + "6f 01") == nil)
    #expect(refusal("ef 0f0000" + most + "6f 01") == .overLimit)
}

@Test func theLargestBlocksAreFound() throws {
    let most = String(repeating: "ef 0f03ff", count: Limits.redundantBlocks)
    let blocks = String(repeating: "00", count: Limits.redundantBlocks * 1023)
    #expect(try parse(most + "6f" + blocks + "01").primaryOffset == 32 * 4 + 1 + 32 * 1023)
}

@Test func everyBlockGetsThePayloadTypeOfAnotherPeer() throws {
    var bytes = [0xEE] + hex(packet)
    let redundancy = try parse(packet)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    redundancy.setPayloadTypes(109, at: 1, in: &raw)
    #expect(bytes == [0xEE] + hex("ed 1e0004 ed 0f0003 6d 01020304 050607 08090a"))
}
