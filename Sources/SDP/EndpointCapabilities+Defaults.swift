import RTP

extension KindCapabilities {
    /// opus, redundant audio with it, PCMU, PCMA.
    ///
    /// Chromium sends redundancy only when its format stands before opus in our answer, and our answers keep the order
    /// of the offer, which has it behind: so a page gets it that asks for it (`setCodecPreferences`), and others pay
    /// nothing.
    public static let defaultAudio = KindCapabilities(
        codecs: [
            CodecParameters(
                name: "opus", payloadType: 111, clockRate: 48_000, channels: 2,
                formatParameters: [FormatParameter("minptime", "10"), FormatParameter("useinbandfec", "1")],
                feedback: packetFeedback),
            CodecParameters(
                name: "red", payloadType: 63, clockRate: 48_000, channels: 2,
                formatParameters: [FormatParameter("111/111", "")], feedback: packetFeedback),
            CodecParameters(name: "PCMU", payloadType: 0, clockRate: 8_000, feedback: packetFeedback),
            CodecParameters(name: "PCMA", payloadType: 8, clockRate: 8_000, feedback: packetFeedback),
        ],
        headerExtensions: [
            HeaderExtensionURI.mid, HeaderExtensionURI.transportWideCC, HeaderExtensionURI.absoluteSendTime,
            HeaderExtensionURI.audioLevel,
        ])

    /// VP8, VP9 profile 0, H.264 in constrained baseline, baseline, constrained high and main profile, AV1; with RTX.
    public static let defaultVideo = KindCapabilities(
        codecs: [
            video("VP8", 96),
            video("VP9", 98, [FormatParameter("profile-id", "0")]),
            h264("42e01f", packetizationMode: 1, 102),
            h264("42e01f", packetizationMode: 0, 104),
            h264("42001f", packetizationMode: 1, 106),
            h264("42001f", packetizationMode: 0, 108),
            h264("640c1f", packetizationMode: 1, 112),
            h264("4d001f", packetizationMode: 1, 114),
            video(
                "AV1", 45,
                [FormatParameter("level-idx", "5"), FormatParameter("profile", "0"), FormatParameter("tier", "0")]),
        ],
        headerExtensions: [
            HeaderExtensionURI.mid, HeaderExtensionURI.transportWideCC, HeaderExtensionURI.absoluteSendTime,
            HeaderExtensionURI.videoOrientation, HeaderExtensionURI.playoutDelay, HeaderExtensionURI.rid,
            HeaderExtensionURI.repairedRid,
        ])

    /// Both are in our offers: libwebrtc answers with one of them, and with RFC 8888 only if every section offers it;
    /// peers that do not know one leave it out.
    private static let packetFeedback = [PacketFeedback.transportWide, PacketFeedback.congestionControl]

    private static let videoFeedback = ["goog-remb", "ccm fir", "nack", "nack pli"] + packetFeedback

    private static func video(
        _ name: String, _ payloadType: UInt8, _ parameters: [FormatParameter] = []
    ) -> CodecParameters {
        CodecParameters(
            name: name, payloadType: payloadType, clockRate: 90_000, formatParameters: parameters,
            feedback: videoFeedback, rtxPayloadType: payloadType + 1)
    }

    private static func h264(_ profile: String, packetizationMode: Int, _ payloadType: UInt8) -> CodecParameters {
        video(
            "H264", payloadType,
            [
                FormatParameter("level-asymmetry-allowed", "1"),
                FormatParameter("packetization-mode", String(packetizationMode)),
                FormatParameter("profile-level-id", profile),
            ])
    }
}
