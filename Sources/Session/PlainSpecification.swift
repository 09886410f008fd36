public import RTP

/// What a worker needs to open an endpoint of plain RTP: RTP and RTCP over UDP ports of its own, one pair for audio and
/// one for video, without ICE and DTLS.
public struct PlainSpecification: Hashable, Sendable, Codable {
    public var usesIPv6: Bool
    /// The ports of RTP that are to be taken, in the process after one that had them; nil takes free ones.
    public var audioPort: UInt16?
    public var videoPort: UInt16?

    public init(usesIPv6: Bool = false) { self.usesIPv6 = usesIPv6 }
}

/// What the controller must tell the peer about an endpoint of plain RTP.
public struct OpenedPlain: Hashable, Sendable, Codable {
    /// An IP address as peers see it.
    public var address: String
    /// Of RTP; RTCP has the port above.
    public var audioPort: UInt16
    public var videoPort: UInt16

    public init(address: String, audioPort: UInt16, videoPort: UInt16) {
        self.address = address
        self.audioPort = audioPort
        self.videoPort = videoPort
    }
}

/// What offer and answer agreed on for an endpoint of plain RTP.
public struct NegotiatedPlain: Hashable, Sendable, Codable {
    /// One section of media, which is an RTP session of its own.
    public struct Section: Hashable, Sendable, Codable {
        public var media: NegotiatedMedia
        /// Where RTP and RTCP go, as `192.0.2.1:5004`, `[2001:db8::1]:5004`; nil where that is learned from what comes.
        public var remote: String?
        public var controlRemote: String?
        /// RTP and RTCP share a port (RFC 5761).
        public var sharesPort: Bool
        /// What we send and receive under; nil without SRTP.
        public var sendKey: SessionKey?
        public var receiveKey: SessionKey?

        public init(
            media: NegotiatedMedia, remote: String?, controlRemote: String?, sharesPort: Bool,
            sendKey: SessionKey? = nil, receiveKey: SessionKey? = nil
        ) {
            self.media = media
            self.remote = remote
            self.controlRemote = controlRemote
            self.sharesPort = sharesPort
            self.sendKey = sendKey
            self.receiveKey = receiveKey
        }
    }

    /// At most one of each kind.
    public var sections: [Section]

    public init(sections: [Section]) { self.sections = sections }
}

/// A master key and salt that a session description carried (RFC 4568). It travels as hexadecimal text in commands;
/// whatever prints it shows nothing.
public struct SessionKey: Hashable, Sendable, Codable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    public let suite: CryptoSuite
    /// Master key, then master salt, of the suite's length.
    public let inline: [UInt8]
    /// Packets that it is good for; nil for as many as SRTP allows.
    public let lifetime: UInt64?
    /// Master key identifier (RFC 3711 section 3.1), and its bytes in each packet: 0 for none, at most 4.
    public let identifier: UInt32
    public let identifierLength: Int

    /// Nil unless the lengths are right.
    public init?(
        suite: CryptoSuite, inline: [UInt8], lifetime: UInt64? = nil, identifier: UInt32 = 0, identifierLength: Int = 0
    ) {
        guard inline.count == suite.inlineLength, (0...4).contains(identifierLength) else { return nil }
        self.suite = suite
        self.inline = inline
        self.lifetime = lifetime
        self.identifier = identifier
        self.identifierLength = identifierLength
    }

    private enum CodingKeys: String, CodingKey { case suite, inline, lifetime, identifier, identifierLength }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let suite = try container.decode(CryptoSuite.self, forKey: .suite)
        let text = try container.decode(String.self, forKey: .inline)
        guard
            let key = Self(
                suite: suite, inline: Hexadecimal.bytes(text, count: suite.inlineLength) ?? [],
                lifetime: try container.decodeIfPresent(UInt64.self, forKey: .lifetime),
                identifier: try container.decode(UInt32.self, forKey: .identifier),
                identifierLength: try container.decode(Int.self, forKey: .identifierLength))
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .inline, in: container, debugDescription: "not a key of \(suite.inlineLength) bytes")
        }
        self = key
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(suite, forKey: .suite)
        try container.encode(Hexadecimal.text(inline), forKey: .inline)
        try container.encodeIfPresent(lifetime, forKey: .lifetime)
        try container.encode(identifier, forKey: .identifier)
        try container.encode(identifierLength, forKey: .identifierLength)
    }

    public var description: String { "(a key)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
