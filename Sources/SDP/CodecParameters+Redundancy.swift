import RTP

// Redundant audio (RED, RFC 2198).

extension CodecParameters {
    /// What an `a=fmtp` of redundant audio names: one payload type, two to 32 times (as libwebrtc sends and takes it).
    /// Nil for other codecs, and for redundancy of several.
    var redundancy: (payloadType: UInt8, parameter: FormatParameter)? {
        guard isRedundancy, formatParameters.count == 1, formatParameters[0].value.isEmpty else { return nil }
        let words = formatParameters[0].key.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...32).contains(words.count), let first = words.first, words.allSatisfy({ $0 == first }),
            let payloadType = Array(first.utf8)[...].decimal(limit: 127)
        else { return nil }
        let text = Array(repeating: String(payloadType), count: words.count).joined(separator: "/")
        return (UInt8(payloadType), FormatParameter(text, ""))
    }

    var isRedundancy: Bool { name.lowercased() == "red" }

    /// Not redundancy, or that of another one of `codecs`: with its clock and channels.
    func isSupported(among codecs: [CodecParameters]) -> Bool {
        guard isRedundancy else { return true }
        return codecs.contains { codec in
            codec.payloadType == redundancy?.payloadType && !codec.isRedundancy && codec.clockRate == clockRate
                && codec.channels == channels
        }
    }
}
