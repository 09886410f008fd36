import RTP

/// What a worker needs to open one end of a pipe: the way of one endpoint's media from the reactor that
/// has it to another that wants it. All that two ends must agree on is drawn by the controller.
///
/// It is no part of a ``SessionSpecification``: a key must not be used by two lives of a pipe, so pipes
/// are made anew from the routes.
public struct PipeSpecification: Hashable, Sendable, Codable {
    /// Under which this end sends, and the other receives.
    public var sendKey: PipeKey
    public var receiveKey: PipeKey
    /// The SSRC that this end's own RTCP names as its sender, and the other end's (RFC 3550 section 6.4.2).
    public var localSSRC: UInt32
    public var remoteSSRC: UInt32
    /// Sections that all send or all receive, as `direction` says. Every encoding has an SSRC, and an RTX
    /// SSRC where a codec has RTX: a packet finds its pipe by them.
    public var media: [NegotiatedMedia]

    public init(
        sendKey: PipeKey, receiveKey: PipeKey, localSSRC: UInt32, remoteSSRC: UInt32, media: [NegotiatedMedia] = []
    ) {
        self.sendKey = sendKey
        self.receiveKey = receiveKey
        self.localSSRC = localSSRC
        self.remoteSSRC = remoteSSRC
        self.media = media
    }

    /// SSRCs that the other end may send with.
    public var remoteSSRCs: [UInt32] {
        [remoteSSRC]
            + media.filter(\.direction.receives).flatMap { section in
                section.receive.encodings.flatMap { [$0.ssrc, $0.rtxSSRC].compactMap(\.self) }
            }
    }

    /// The same pipe as the other end sees it.
    public var reversed: PipeSpecification {
        PipeSpecification(
            sendKey: receiveKey, receiveKey: sendKey, localSSRC: remoteSSRC, remoteSSRC: localSSRC,
            media: media.map { section in
                NegotiatedMedia(
                    mid: section.mid, kind: section.kind, direction: section.direction.reversed,
                    receive: section.send, send: section.receive)
            })
    }
}

/// An AES-128-GCM master key and salt for SRTP (RFC 7714 section 12), 28 bytes. It travels as hexadecimal
/// text in commands; whatever prints it shows nothing.
public struct PipeKey: Hashable, Sendable, Codable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    public static let keyLength = 16
    public static let saltLength = 12

    public let key: [UInt8]
    public let salt: [UInt8]

    /// Nil unless both have their length.
    public init?(key: [UInt8], salt: [UInt8]) {
        guard key.count == Self.keyLength, salt.count == Self.saltLength else { return nil }
        self.key = key
        self.salt = salt
    }

    /// A fresh one. `generator` must be fit for cryptography, as the system's is.
    public init(using generator: inout some RandomNumberGenerator) {
        key = (0..<Self.keyLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        salt = (0..<Self.saltLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        let bytes = Hexadecimal.bytes(text, count: Self.keyLength + Self.saltLength) ?? []
        guard let key = Self(key: Array(bytes.prefix(Self.keyLength)), salt: Array(bytes.dropFirst(Self.keyLength)))
        else { throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a key of 28 bytes") }
        self = key
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Hexadecimal.text(key + salt))
    }

    public var description: String { "(a key)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where one end of a pipe can be reached.
public struct OpenedPipe: Hashable, Sendable, Codable {
    /// Names the network stack that the addresses belong to: equal text, same host and same interfaces.
    /// Empty when the worker cannot tell.
    public var network: String
    /// Addresses with ports that the reactor's sockets are bound to: `192.0.2.1:40000`, `[2001:db8::1]:40000`.
    public var addresses: [String]

    public init(network: String, addresses: [String]) {
        self.network = network
        self.addresses = addresses
    }
}

/// The way that a pipe's packets take, as one end sees it.
public struct PipePath: Hashable, Sendable, Codable {
    /// One of the addresses that the end's reactor gave.
    public var local: String
    public var remote: String

    public init(local: String, remote: String) {
        self.local = local
        self.remote = remote
    }

    public var reversed: PipePath { PipePath(local: remote, remote: local) }
}
