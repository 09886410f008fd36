/// What one endpoint of ours calls itself and its streams: what an offer or answer of it needs beside what it can do.
public struct LocalIdentity: Hashable, Sendable {
    public var ice: ICEParameters
    /// RTCP canonical name (RFC 3550 section 6.5.1).
    public var cname: String
    /// `o=` session id, below 2^63 (RFC 8829 section 5.2.1).
    public var sessionID: UInt64
    public var audio: [LocalSource]
    public var video: [LocalSource]

    /// Draws an identity with as many streams as are asked for; no two of its SSRCs are equal.
    /// - Parameters:
    ///   - trackID: draws the id of a track.
    ///   - random: the system's generator wherever a stranger could reach the endpoint.
    public init(
        isLite: Bool, audioSources: Int, videoSources: Int, trackID: () -> String,
        using random: inout some RandomNumberGenerator
    ) {
        var ssrcs = Set<UInt32>()
        func source(hasRTX: Bool) -> LocalSource {
            LocalSource(
                ssrc: Self.ssrc(&ssrcs, &random), rtxSSRC: hasRTX ? Self.ssrc(&ssrcs, &random) : nil,
                trackID: trackID())
        }
        ice = ICEParameters.drawn(isLite: isLite, using: &random)
        cname = Self.iceText(16, using: &random)
        sessionID = UInt64.random(in: 1..<(1 << 62), using: &random)
        audio = []
        video = []
        for _ in 0..<audioSources { audio.append(source(hasRTX: false)) }
        for _ in 0..<videoSources { video.append(source(hasRTX: true)) }
    }

    private static func ssrc(_ used: inout Set<UInt32>, _ random: inout some RandomNumberGenerator) -> UInt32 {
        while true {
            let ssrc = UInt32.random(in: 1...UInt32.max, using: &random)
            if used.insert(ssrc).inserted { return ssrc }
        }
    }

    /// Characters of RFC 8839 section 5.4, six random bits each.
    static func iceText(_ count: Int, using random: inout some RandomNumberGenerator) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let characters = (0..<count).map { _ in alphabet[Int(UInt64.random(in: 0...UInt64.max, using: &random) >> 58)] }
        return String(decoding: characters, as: UTF8.self)
    }
}

extension ICEParameters {
    /// Fresh credentials of ours: 96 and 192 random bits, above the 24 and 128 that RFC 8445 section 5.3 asks for.
    public static func drawn(isLite: Bool, using random: inout some RandomNumberGenerator) -> ICEParameters {
        ICEParameters(
            ufrag: LocalIdentity.iceText(16, using: &random), password: LocalIdentity.iceText(32, using: &random),
            isLite: isLite)
    }
}
