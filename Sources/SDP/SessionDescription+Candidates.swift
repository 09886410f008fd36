extension SessionDescription {
    /// The description with candidates in it, as after gathering: in the first accepted section when they are
    /// bundled (RFC 8829 section 5.2.2 leaves the others without), else in each accepted one; followed by
    /// `a=end-of-candidates`. Accepts `candidate:…` with or without `a=`; leaves out what is not a candidate.
    public func adding(candidates: [String]) -> SessionDescription {
        let valid = candidates.compactMap { Self.candidate(Array($0.utf8)[...]) }.prefix(Limits.attributes / 2)
        var description = self
        let bundle = bundles.first { !$0.mids.isEmpty }
        var isPlacedInBundle = false
        for index in media.indices where !media[index].isRejected {
            let isBundled = media[index].mid.map { bundle?.mids.contains($0) ?? false } ?? false
            if isBundled && isPlacedInBundle { continue }
            isPlacedInBundle = isPlacedInBundle || isBundled
            for candidate in valid where !description.media[index].candidates.contains(candidate) {
                description.media[index].candidates.append(candidate)
            }
            description.media[index].hasEndOfCandidates = true
        }
        return description
    }

    /// `candidate:…` if the bytes look like a candidate attribute (RFC 8839 section 5.1): printable, with at
    /// least foundation, component, transport, priority, address, port, `typ` and type.
    static func candidate(_ bytes: ArraySlice<UInt8>) -> String? {
        let line = bytes.starts(with: "a=".utf8) ? bytes.dropFirst(2) : bytes
        guard line.starts(with: "candidate:".utf8), line.isPrintable, line.count <= Limits.lineBytes - 2 else {
            return nil
        }
        guard line.split(separator: Byte.space).count >= 8 else { return nil }
        return line.string
    }
}
