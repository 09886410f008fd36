/// Offers in the shapes that clients send.
enum Offers {
    static let fingerprint = Array(repeating: "0F", count: 32).joined(separator: ":")

    private static func lines(_ text: String) -> String {
        text.split(separator: "\n").map { $0 + "\r\n" }.joined()
    }

    private static func transport(_ mid: Int) -> String {
        """
        c=IN IP4 0.0.0.0
        a=ice-ufrag:peer
        a=ice-pwd:peerpeerpeerpeerpeerpeer
        a=fingerprint:sha-256 \(fingerprint)
        a=setup:actpass
        a=mid:\(mid)
        a=rtcp-mux

        """
    }

    private static func session(_ mids: Int) -> String {
        """
        v=0
        o=- 4611731400430051336 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE \((0..<mids).map(String.init).joined(separator: " "))
        a=extmap-allow-mixed

        """
    }

    private static func audio(_ mid: Int, _ direction: String) -> String {
        """
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63
        \(transport(mid))a=\(direction)
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 minptime=10;useinbandfec=1
        a=rtpmap:63 red/48000/2
        a=fmtp:63 111/111

        """
    }

    private static func video(_ mid: Int, _ direction: String, _ more: String = "") -> String {
        """
        m=video 9 UDP/TLS/RTP/SAVPF 96 97
        \(transport(mid))a=\(direction)
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
        a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
        a=rtpmap:96 VP8/90000
        a=rtcp-fb:96 nack
        a=rtcp-fb:96 nack pli
        a=rtpmap:97 rtx/90000
        a=fmtp:97 apt=96
        \(more)
        """
    }

    static let publisher = lines(session(2) + audio(0, "sendonly") + video(1, "sendonly"))
    static let audioOnly = lines(session(1) + audio(0, "sendonly"))
    static let videoOnly = lines(session(1) + video(0, "sendonly"))
    static let player = players(1)
    static let silent = lines(session(2) + audio(0, "recvonly") + video(1, "inactive"))

    /// As browsers write `sendEncodings` of three rids; no SSRC.
    static let simulcast = lines(
        session(2) + audio(0, "sendonly")
            + video(1, "sendonly", "a=rid:q send\na=rid:h send\na=rid:f send\na=simulcast:send q;h;f\n"))

    /// A player with places for several publishers: audio and video in turn.
    static func players(_ places: Int) -> String {
        lines(
            session(2 * places)
                + (0..<places).map { audio(2 * $0, "recvonly") + video(2 * $0 + 1, "recvonly") }.joined())
    }

    /// OBS Studio (libdatachannel): H.264 and Opus, no extension, no trickle, candidates in the offer.
    static let obs = lines(
        """
        v=0
        o=rtc 3767197920 0 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        a=group:LS 0 1
        a=msid-semantic:WMS *
        a=setup:actpass
        a=ice-ufrag:obsU
        a=ice-pwd:obsobsobsobsobsobsobsobs
        a=ice-options:ice2,trickle
        a=fingerprint:sha-256 \(fingerprint)
        m=audio 5004 UDP/TLS/RTP/SAVPF 111
        c=IN IP4 192.0.2.7
        a=mid:0
        a=sendonly
        a=ssrc:1371041234 cname:obs
        a=ssrc:1371041234 msid:obs obs-audio
        a=msid:obs obs-audio
        a=rtcp-mux
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
        a=candidate:1 1 UDP 2122317823 192.0.2.7 5004 typ host
        a=end-of-candidates
        m=video 5004 UDP/TLS/RTP/SAVPF 96
        c=IN IP4 192.0.2.7
        a=mid:1
        a=sendonly
        a=ssrc:1371041235 cname:obs
        a=ssrc:1371041235 msid:obs obs-video
        a=msid:obs obs-video
        a=rtcp-mux
        a=rtpmap:96 H264/90000
        a=rtcp-fb:96 nack
        a=rtcp-fb:96 nack pli
        a=rtcp-fb:96 goog-remb
        a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1

        """)
}
