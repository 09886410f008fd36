import Wire

/// RTCP packet types and feedback formats (IANA registry), and the split of RTP from RTCP.
public enum RTCPType {
    public static let senderReport: UInt8 = 200
    public static let receiverReport: UInt8 = 201
    public static let sourceDescription: UInt8 = 202
    public static let goodbye: UInt8 = 203
    /// RTPFB, RFC 4585 section 6.2.
    public static let transportFeedback: UInt8 = 205
    /// PSFB, RFC 4585 section 6.3.
    public static let payloadFeedback: UInt8 = 206

    /// RTPFB formats: generic NACK (RFC 4585 section 6.2.1), congestion control feedback (RFC 8888 section 3.1),
    /// transport-wide-cc (draft-holmer-01).
    static let formatNack: UInt8 = 1
    static let formatCongestionControl: UInt8 = 11
    static let formatTransportWide: UInt8 = 15
    /// PSFB formats: PLI (RFC 4585 6.3.1), FIR (RFC 5104 4.3.1), application layer (RFC 4585 6.4).
    static let formatPLI: UInt8 = 1
    static let formatFIR: UInt8 = 4
    static let formatApplication: UInt8 = 15
    /// "REMB", the application-layer feedback's unique identifier (draft-alvestrand-rmcat-remb-03).
    static let rembIdentifier: UInt32 = 0x5245_4D42

    /// Tells RTCP from RTP on one port by the second byte (RFC 5761 section 4): packet types 192...223,
    /// which as RTP would be payload types 64...95 with the marker set.
    public static func isRTCP(_ packet: RawSpan) -> Bool {
        packet.byteCount >= 2 && packet.uint8(at: 0) >> 6 == 2 && packet.uint8(at: 1) & 0xE0 == 192
    }
}
