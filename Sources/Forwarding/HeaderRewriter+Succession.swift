import RTP
import Wire

extension HeaderRewriter {
    /// Whether a peer means a predecessor's packet by the number. What was lost of those comes no more, and the
    /// stream has gone on without it, at a key frame.
    func isInherited(_ number: SequenceNumber) -> Bool {
        let newest = SequenceNumber(UInt16(truncatingIfNeeded: newestSequence))
        let output = newestSequence + Int64(number.distance(from: newest))
        return source != 0 && output < firstOwn && firstOwn - output <= Limits.inheritedNumbers
    }
}
