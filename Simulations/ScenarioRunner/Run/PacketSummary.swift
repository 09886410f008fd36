public import STUN
public import Simulator

/// What a datagram is, for people and for the invariants. RFC 7983 tells the protocols apart by the first byte.
public enum PacketSummary: Hashable, Sendable {
    public struct STUNPart: Hashable, Sendable {
        public var type: MessageType
        public var transactionID: TransactionID
        public var useCandidate: Bool
        public var errorCode: UInt16?
    }

    case stun(STUNPart)
    /// TURN's framing of data (RFC 8656 section 12.4).
    case channelData
    case dtls(record: UInt8, handshake: UInt8?)
    case rtp
    case rtcp
    /// A segment with its flags: `SYN, ACK`.
    case tcp(flags: TCPSegment.Flags)
    case other

    public init(_ datagram: Datagram) {
        if let segment = datagram.segment {
            self = .tcp(flags: segment.flags)
        } else {
            self.init(datagram.payload)
        }
    }

    public init(_ payload: [UInt8]) {
        guard let first = payload.first else {
            self = .other
            return
        }
        switch first {
        case 0...3: self = Self.stun(payload) ?? .other
        case 20...63:
            // Only plain handshake records, those of epoch 0, show their type.
            let isPlain = payload.count > 13 && payload[3] == 0 && payload[4] == 0
            self = .dtls(record: first, handshake: first == 22 && isPlain ? payload[13] : nil)
        case 64...79: self = .channelData
        case 128...191: self = payload.count > 1 && (192...223).contains(payload[1]) ? .rtcp : .rtp
        default: self = .other
        }
    }

    private static func stun(_ payload: [UInt8]) -> PacketSummary? {
        let span = payload.span
        guard let message = try? unsafe Message(parsing: span.bytes) else { return nil }
        return .stun(
            STUNPart(
                type: message.type, transactionID: message.transactionID, useCandidate: message.useCandidate,
                errorCode: message.errorCode?.rawValue))
    }

    /// `Binding request USE-CANDIDATE`, `ClientHello`.
    public var name: String {
        switch self {
        case .stun(let part):
            Self.methodName(part.type.method) + " " + Self.className(part.type.messageClass)
                + (part.useCandidate ? " USE-CANDIDATE" : "") + (part.errorCode.map { " \($0)" } ?? "")
        case .channelData: "ChannelData"
        case .dtls(let record, let handshake): Self.recordName(record, handshake)
        case .rtp: "RTP"
        case .rtcp: "RTCP"
        case .tcp(let flags): "TCP " + Self.flagNames(flags)
        case .other: "data"
        }
    }

    private static func flagNames(_ flags: TCPSegment.Flags) -> String {
        let names: [(TCPSegment.Flags, String)] = [(.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.ack, "ACK")]
        return names.filter { flags.contains($0.0) }.map(\.1).joined(separator: ", ")
    }

    private static func methodName(_ method: Method) -> String {
        switch method.rawValue {
        case 1: "Binding"
        case 3: "Allocate"
        case 4: "Refresh"
        case 6: "Send"
        case 7: "Data"
        case 8: "CreatePermission"
        case 9: "ChannelBind"
        default: "method \(method.rawValue)"
        }
    }

    private static func className(_ messageClass: MessageClass) -> String {
        switch messageClass {
        case .request: "request"
        case .indication: "indication"
        case .success: "success"
        case .error: "error"
        }
    }

    private static func recordName(_ record: UInt8, _ handshake: UInt8?) -> String {
        switch (record, handshake) {
        case (20, _): "ChangeCipherSpec"
        case (21, _): "DTLS alert"
        case (22, 1): "ClientHello"
        case (22, 2): "ServerHello"
        case (22, 3): "HelloVerifyRequest"
        case (22, 11): "Certificate"
        case (22, 12): "ServerKeyExchange"
        case (22, 14): "ServerHelloDone"
        case (22, 16): "ClientKeyExchange"
        case (22, _): "DTLS handshake"
        default: "DTLS data"
        }
    }
}
