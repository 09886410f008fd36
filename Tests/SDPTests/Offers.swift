import RTP
import SDP

/// Offers in the manner of the clients that a server meets, and our side to answer them with.
enum Offers {
    static let fingerprint =
        "7B:1C:0A:55:E2:93:4D:60:11:FE:28:39:BC:07:A4:D1:7B:1C:0A:55:E2:93:4D:60:11:FE:28:39:BC:07:A4:D1"

    static func capabilities(_ change: (inout EndpointCapabilities) -> Void = { _ in }) -> EndpointCapabilities {
        var local = EndpointCapabilities(
            ice: ICEParameters(ufrag: "srv1", password: "srvsrvsrvsrvsrvsrvsrvsrv"),
            fingerprint: Fingerprint(
                algorithm: "sha-256", value: Array(repeating: "0F", count: 32).joined(separator: ":")),
            cname: "server@example", streamID: "stream", sessionID: 77, sessionVersion: 1)
        local.audio.sources = [LocalSource(ssrc: 1001, trackID: "audio-track")]
        local.video.sources = [LocalSource(ssrc: 2001, rtxSSRC: 2002, trackID: "video-track")]
        change(&local)
        return local
    }

    private static func lines(_ text: String) -> String {
        text.split(separator: "\n").joined(separator: "\r\n") + "\r\n"
    }

    private static func chromeTransport(_ mid: Int) -> String {
        """
        c=IN IP4 0.0.0.0
        a=rtcp:9 IN IP4 0.0.0.0
        a=ice-ufrag:Kq9x
        a=ice-pwd:wG3TQn1c0uEYBZ7mGk2r8d5V
        a=ice-options:trickle
        a=fingerprint:sha-256 \(fingerprint)
        a=setup:actpass
        a=mid:\(mid)
        """
    }

    private static func videoFormat(_ payloadType: Int, _ name: String, _ parameters: String?, rtx: Int) -> String {
        let feedback = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]
            .map { "a=rtcp-fb:\(payloadType) \($0)" }.joined(separator: "\n")
        return """
            a=rtpmap:\(payloadType) \(name)/90000
            \(feedback)
            \(parameters.map { "a=fmtp:\(payloadType) \($0)\n" } ?? "")a=rtpmap:\(rtx) rtx/90000
            a=fmtp:\(rtx) apt=\(payloadType)
            """
    }

    static func h264(_ profile: String, _ mode: Int) -> String {
        "level-asymmetry-allowed=1;packetization-mode=\(mode);profile-level-id=\(profile)"
    }

    /// Chrome: audio, video, data; every video format with RTX.
    static let chrome = lines(
        """
        v=0
        o=- 4611731400430051336 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0 1 2
        a=extmap-allow-mixed
        a=msid-semantic: WMS 0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
        \(chromeTransport(0))
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
        a=sendrecv
        a=msid:0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01 f1b6a3a2-1111-4a44-8f7e-b0e2d9d3c001
        a=rtcp-mux
        a=rtcp-rsize
        a=rtpmap:111 opus/48000/2
        a=rtcp-fb:111 transport-cc
        a=fmtp:111 minptime=10;useinbandfec=1
        a=rtpmap:63 red/48000/2
        a=fmtp:63 111/111
        a=rtpmap:9 G722/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:13 CN/8000
        a=rtpmap:110 telephone-event/48000
        a=rtpmap:126 telephone-event/8000
        a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
        a=ssrc:3570614608 msid:0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01 f1b6a3a2-1111-4a44-8f7e-b0e2d9d3c001
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 39 40 45 46 98 99 100 101 116 117 118 49 50
        \(chromeTransport(1))
        a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=extmap:13 urn:3gpp:video-orientation
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
        a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
        a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
        a=sendrecv
        a=msid:0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01 aa0b62f9-2222-4a44-8f7e-b0e2d9d3c002
        a=rtcp-mux
        a=rtcp-rsize
        \(videoFormat(96, "VP8", nil, rtx: 97))
        \(videoFormat(103, "H264", h264("42001f", 1), rtx: 104))
        \(videoFormat(107, "H264", h264("42001f", 0), rtx: 108))
        \(videoFormat(109, "H264", h264("42e01f", 1), rtx: 114))
        \(videoFormat(39, "H264", h264("4d001f", 0), rtx: 40))
        \(videoFormat(45, "AV1", "level-idx=5;profile=0;tier=0", rtx: 46))
        \(videoFormat(98, "VP9", "profile-id=0", rtx: 99))
        \(videoFormat(100, "VP9", "profile-id=2", rtx: 101))
        a=rtpmap:116 red/90000
        a=rtpmap:117 rtx/90000
        a=fmtp:117 apt=116
        a=rtpmap:118 ulpfec/90000
        \(videoFormat(49, "H265", "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST", rtx: 50))
        a=ssrc-group:FID 1832097586 2605193324
        a=ssrc:1832097586 cname:4TOk42mSjXCkVIa6
        a=ssrc:1832097586 msid:0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01 aa0b62f9-2222-4a44-8f7e-b0e2d9d3c002
        a=ssrc:2605193324 cname:4TOk42mSjXCkVIa6
        a=ssrc:2605193324 msid:0c8a7ad5-aaaa-4f27-9be2-2d1f4e2b6d01 aa0b62f9-2222-4a44-8f7e-b0e2d9d3c002
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel
        \(chromeTransport(2))
        a=sctp-port:5000
        a=max-message-size:262144
        """)

    private static func firefoxTransport(_ mid: Int) -> String {
        """
        a=ice-pwd:\(mid)5b8e1d70a3c94f62b7e0d1c2a3f4e55
        a=ice-ufrag:\(mid)e91ab3f
        a=mid:\(mid)
        a=rtcp-mux
        a=rtcp-rsize
        a=setup:actpass
        """
    }

    /// Firefox: fingerprint and options at session level, credentials by section, feedback with its own order.
    static let firefox = lines(
        """
        v=0
        o=mozilla...THIS_IS_SDPARTA-128.0 3872619943285091212 0 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=sendrecv
        a=fingerprint:sha-256 \(fingerprint)
        a=group:BUNDLE 0 1
        a=ice-options:trickle
        a=msid-semantic:WMS *
        m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
        c=IN IP4 0.0.0.0
        a=sendrecv
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
        a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
        a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
        a=fmtp:101 0-15
        \(firefoxTransport(0))
        a=msid:{a7f5f1d0-5f0c-4c8e-9d43-1f9f2a3f0001} {b1c2d3e4-0000-4000-8000-000000000001}
        a=rtpmap:109 opus/48000/2
        a=rtpmap:9 G722/8000/1
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:101 telephone-event/8000/1
        a=ssrc:1386214251 cname:{0e6fb8a4-53f3-4d0d-a0a4-9c0a0f8d1111}
        m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 126 127 97 98 123 122 119
        c=IN IP4 0.0.0.0
        a=sendrecv
        a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=extmap:5 urn:ietf:params:rtp-hdrext:toffset
        a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
        a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
        a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1
        a=fmtp:97 profile-level-id=42e01f;level-asymmetry-allowed=1
        a=fmtp:120 max-fs=12288;max-fr=60
        a=fmtp:124 apt=120
        a=fmtp:121 max-fs=12288;max-fr=60
        a=fmtp:125 apt=121
        a=fmtp:127 apt=126
        a=fmtp:98 apt=97
        a=fmtp:119 apt=122
        \(firefoxTransport(1))
        a=msid:{a7f5f1d0-5f0c-4c8e-9d43-1f9f2a3f0001} {b1c2d3e4-0000-4000-8000-000000000002}
        a=rtcp-fb:120 nack
        a=rtcp-fb:120 nack pli
        a=rtcp-fb:120 ccm fir
        a=rtcp-fb:120 goog-remb
        a=rtcp-fb:120 transport-cc
        a=rtcp-fb:121 nack
        a=rtcp-fb:121 nack pli
        a=rtcp-fb:126 nack
        a=rtcp-fb:126 nack pli
        a=rtcp-fb:126 ccm fir
        a=rtcp-fb:97 nack pli
        a=rtpmap:120 VP8/90000
        a=rtpmap:124 rtx/90000
        a=rtpmap:121 VP9/90000
        a=rtpmap:125 rtx/90000
        a=rtpmap:126 H264/90000
        a=rtpmap:127 rtx/90000
        a=rtpmap:97 H264/90000
        a=rtpmap:98 rtx/90000
        a=rtpmap:123 ulpfec/90000
        a=rtpmap:122 red/90000
        a=rtpmap:119 rtx/90000
        a=ssrc:3127046218 cname:{0e6fb8a4-53f3-4d0d-a0a4-9c0a0f8d1111}
        a=ssrc:1970443251 cname:{0e6fb8a4-53f3-4d0d-a0a4-9c0a0f8d1111}
        a=ssrc-group:FID 3127046218 1970443251
        """)

    /// aiortc: candidates within the offer, three fingerprints, one video stream with RTX.
    static let aiortc = lines(
        """
        v=0
        o=- 3926412345 3926412345 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE 0
        a=msid-semantic:WMS *
        m=video 45712 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102
        c=IN IP4 192.0.2.7
        a=sendonly
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=mid:0
        a=msid:0b4c9f17-2f9e-4b57-8d6f-0a1b2c3d4e5f 53d1c5a0-93b4-4a5a-9a86-5d4c3b2a1f0e
        a=rtcp:9 IN IP4 0.0.0.0
        a=rtcp-mux
        a=ssrc-group:FID 2921573108 1407825541
        a=ssrc:2921573108 cname:8f0c5b1e-0d5c-4d65-b6e6-1d2e3f4a5b6c
        a=ssrc:1407825541 cname:8f0c5b1e-0d5c-4d65-b6e6-1d2e3f4a5b6c
        a=rtpmap:97 VP8/90000
        a=rtcp-fb:97 nack
        a=rtcp-fb:97 nack pli
        a=rtcp-fb:97 goog-remb
        a=rtpmap:98 rtx/90000
        a=fmtp:98 apt=97
        a=rtpmap:99 H264/90000
        a=rtcp-fb:99 nack
        a=rtcp-fb:99 nack pli
        a=rtcp-fb:99 goog-remb
        a=fmtp:99 packetization-mode=1;level-asymmetry-allowed=1;profile-level-id=42001f
        a=rtpmap:100 rtx/90000
        a=fmtp:100 apt=99
        a=rtpmap:101 H264/90000
        a=rtcp-fb:101 nack
        a=fmtp:101 packetization-mode=1;level-asymmetry-allowed=1;profile-level-id=42e01f
        a=rtpmap:102 rtx/90000
        a=fmtp:102 apt=101
        a=candidate:1d2c3b4a5f6e 1 udp 2130706431 192.0.2.7 45712 typ host
        a=candidate:9c8b7a6f5e4d 1 udp 1694498815 203.0.113.9 45712 typ srflx raddr 192.0.2.7 rport 45712
        a=end-of-candidates
        a=ice-ufrag:bXq2
        a=ice-pwd:uKp7W4nZr0aYtGc3Lh9sVe
        a=fingerprint:sha-256 \(fingerprint)
        a=fingerprint:sha-384 \(fingerprint):\(fingerprint.prefix(47))
        a=fingerprint:sha-512 \(fingerprint):\(fingerprint)
        a=setup:actpass
        """)

    /// A viewer's or presenter's offer as kurento-utils makes it; with `\n` line ends, as some clients mangle them.
    static func kurentoUtils(_ direction: String) -> String {
        """
        v=0
        o=- 0 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0
        \(chromeTransport(0))
        a=\(direction)
        a=rtcp-mux
        a=rtpmap:111 opus/48000/2
        m=video 9 UDP/TLS/RTP/SAVPF 96 97
        \(chromeTransport(1))
        a=\(direction)
        a=rtcp-mux
        \(videoFormat(96, "VP8", nil, rtx: 97))

        """
    }

    /// Safari: H.264 in constrained high profile first.
    static let safari = lines(
        """
        v=0
        o=- 2750483185 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101
        \(chromeTransport(0))
        a=sendrecv
        a=rtcp-mux
        \(videoFormat(96, "H264", h264("640c1f", 1), rtx: 97))
        \(videoFormat(98, "H264", h264("42e01f", 1), rtx: 99))
        \(videoFormat(100, "VP8", nil, rtx: 101))
        """)

    /// An old client: no BUNDLE, no mids, credentials at session level, static payload types without maps.
    static let legacy = lines(
        """
        v=0
        o=- 3865123 3865123 IN IP4 198.51.100.4
        s=Kurento Media Server
        c=IN IP4 198.51.100.4
        t=0 0
        a=ice-ufrag:olde
        a=ice-pwd:oldoldoldoldoldoldoldold
        a=fingerprint:SHA-256 \(fingerprint.lowercased())
        m=audio 1 RTP/SAVPF 0 8
        a=rtcp-mux
        a=recvonly
        m=video 1 RTP/SAVPF 100
        b=AS:500
        a=rtcp-mux
        a=recvonly
        a=rtpmap:100 VP8/90000
        a=rtcp-fb:* nack
        a=rtcp-fb:* ccm fir
        """)

    static let all = [
        chrome, firefox, aiortc, kurentoUtils("recvonly"), kurentoUtils("sendonly"), kurentoUtils("sendrecv"), safari,
        legacy,
    ]
}
