import RTP
import Wire

/// Redundant audio: what its headers say lies inside the payload, in order, and is found again after a rewrite.
public enum REDFuzz {
    public static func run(_ input: RawSpan) {
        guard let redundancy = try? RedundantAudio(parsing: input) else { return }
        precondition(Int(redundancy.primaryOffset) < input.byteCount && redundancy.payloadType < 128)
        var end = Int(redundancy.redundantCount) * RedundantAudio.headerLength + RedundantAudio.lastHeaderLength
        for index in 0..<Int(redundancy.redundantCount) {
            guard let block = redundancy.block(at: index, in: input) else { preconditionFailure("a block is missing") }
            precondition(block.range.lowerBound == end && block.timestampOffset < 1 << 14)
            precondition(!redundancy.isUniform || block.payloadType == redundancy.payloadType)
            end = block.range.upperBound
        }
        precondition(end == Int(redundancy.primaryOffset))
        precondition(redundancy.block(at: Int(redundancy.redundantCount), in: input) == nil)
        rewrite(redundancy, input)
    }

    private static func rewrite(_ redundancy: RedundantAudio, _ input: RawSpan) {
        var buffer = [0xAA] + input.copied() + [0xAA]
        var elements = buffer.mutableSpan
        var packet = unsafe elements.mutableBytes
        redundancy.setPayloadTypes(0x55, at: 1, in: &packet)
        let copy = packet.bytes.extracting(1..<(input.byteCount + 1))
        guard let again = try? RedundantAudio(parsing: copy) else { preconditionFailure("own headers refused") }
        precondition(again.isUniform && again.payloadType == 0x55 && again.primaryOffset == redundancy.primaryOffset)
        precondition(packet.bytes.uint8(at: 0) == 0xAA && packet.bytes.uint8(at: input.byteCount + 1) == 0xAA)
        for index in 0..<Int(redundancy.redundantCount) {
            let (before, after) = (redundancy.block(at: index, in: input), again.block(at: index, in: copy))
            precondition(before?.range == after?.range && before?.timestampOffset == after?.timestampOffset)
        }
    }
}
