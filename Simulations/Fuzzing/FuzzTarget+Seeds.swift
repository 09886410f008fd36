extension FuzzTarget {
    /// Small well-formed inputs: what mutations of them reach, noise does not.
    public var seeds: [[UInt8]] { Seeds.inputs(for: self) }
}

private enum Seeds {
    static func inputs(for target: FuzzTarget) -> [[UInt8]] {
        switch target {
        case .stun: [hex(stunRequest), hex(stunResponse)]
        case .turn: [hex(channelBind), hex(channelData), hex(sendIndication)]
        case .candidate: candidates.map { Array($0.utf8) }
        case .mdns: [hex(nameQuery), hex(nameAnswer)]
        case .dtls: [datagram(clientHello), datagram(clientHello) + datagram(hex("15fefd000000000000000100020228"))]
        case .sctp: SCTPFuzz.seeds
        case .srtp: [hex(rtp), hex(senderReport), hex(rtp) + [UInt8](repeating: 0x5A, count: 60)]
        case .rtp: [hex(rtp), hex(vp8), hex(twoByteExtension)]
        case .rtcp: rtcp.map(hex)
        case .red: redundantAudio.map(hex)
        case .vp9: descriptors.map(hex)
        case .payload: PayloadFuzz.seeds
        case .dependency: [hex(dependencies)]
        case .sdp: [Array(offer.utf8), Array(plainOffer.utf8)]
        case .trickle: [Array(fragment.utf8)]
        case .kurento: [Array(frames.joined(separator: "\n").utf8)] + frames.map { Array($0.utf8) }
        case .store: records.map { Array($0.utf8) }
        case .heartbeat: HeartbeatFuzz.seeds
        case .form: FormFuzz.seeds
        case .location: LocationFuzz.seeds
        }
    }

    /// Plain RTP with a key (RFC 4568) beside plain RTP without.
    private static let plainOffer = """
        v=0\r
        o=- 0 0 IN IP4 192.0.2.9\r
        s=-\r
        c=IN IP4 192.0.2.9\r
        t=0 0\r
        m=audio 5006 RTP/AVP 0 96\r
        a=rtpmap:96 opus/48000/2\r
        a=rtcp:5010 IN IP4 192.0.2.10\r
        a=ssrc:445566 cname:a\r
        m=video 9 RTP/SAVPF 103\r
        a=rtpmap:103 H264/90000\r
        a=rtcp-fb:103 nack pli\r
        a=direction:active\r
        a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0|2^31|1:1 WSH=64\r
        a=crypto:3 AES_256_CM_HMAC_SHA1_32 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\r

        """

    /// Username `fuzz:fuzz`, priority, controlling.
    private static let stunRequest =
        "000100242112a442000102030405060708090a0b" + "0006000966757a7a3a66757a7a000000"
        + "002400046e7f1eff" + "8029" + "00080000000000000001"
    private static let stunResponse =
        "010100202112a442000102030405060708090a0b" + "002000080001a147e112a643" + "000800140000" + "0000000000000000"

    /// Channel 0x4001 to 192.0.2.1:7000; data in it; data in an indication.
    private static let channelBind =
        "000900142112a442000102030405060708090a0b" + "000c000440010000" + "001200080001" + "3a4a" + "e112a643"
    private static let channelData = "4001000568656c6c6f000000"
    private static let sendIndication =
        "001600182112a442000102030405060708090a0b" + "001200080001" + "3a4a" + "e112a643" + "0013000568656c6c6f000000"

    private static let candidates = [
        "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host generation 0 ufrag fuzz",
        "candidate:2 1 UDP 1694498815 2001:db8::1 40001 typ srflx raddr 10.0.0.1 rport 9\n"
            + "candidate:3 1 tcp 1518280447 198.51.100.7 9 typ host tcptype active\n"
            + "candidate:5 1 tcp 1518214911 198.51.100.7 443 typ host tcptype passive",
        "\0\u{14}\0\u{1}\0\0!\u{12}$Babcdefghijkl",
        "candidate:4 1 udp 2122260223 0a1b2c3d-0000-4000-8000-000000000000.local 50000 typ host",
    ]

    /// The IPv4 address of `fuzz.local`; and the answer with both families, by pointers.
    private static let nameQuery = "000000000001000000000000" + "0466757a7a056c6f63616c00" + "00010001"
    private static let nameAnswer =
        "000084000000000100000001" + "0466757a7a056c6f63616c00" + "00018001000000780004c0000201"
        + "c00c" + "001c8001000000780010" + "20010db8000000000000000000000001"

    private static let fragment = [
        "a=ice-options:trickle ice2", "a=group:BUNDLE 0 1", "a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0",
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1",
        "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", "a=end-of-candidates",
    ].map { $0 + "\r\n" }.joined()

    /// One-byte header extensions, and a payload.
    private static let rtp = "90e00001000003e811223344bede000210aa2201020300000102030405060708"
    private static let vp8 = "80e0000200000bb8112233449080800112345678" + "9d012a40013c00" + "0000"
    private static let twoByteExtension = "90600003000003e81122334410000002010211220303aabbcc00" + "a00000000003"

    private static let senderReport =
        "80c8000611223344e5a1b2c3d4e5f60700000bb80000000a000004d2"
    private static let rtcp = [
        senderReport + "81ca0004112233440106666f6f406261" + "72000000",
        "81c9000711223344" + "55667788" + "00ffffff" + "00010203" + "00000010" + "11111111" + "22222222",
        "81cd000311223344556677880001fffe",
        "81ce00021122334455667788",
        "84ce0004112233445566778899aabbcc05000000",
        "8fce00061122334400000000" + "52454d42" + "020c3d09" + "55667788" + "99aabbcc",
        "8fcd00051122334455667788" + "0001000400001101" + "20041020" + "30400000",
        "81cb000111223344",
        "8bcd00091122334455667788" + "ffff0003f06400009fff0000" + "99aabbcc" + "0007000180010000" + "00010000",
    ]

    /// A frame behind two older ones, behind an empty one, alone; and with another codec's.
    private static let redundantAudio = [
        "ef1e0004ef0f00036f" + "01020304" + "050607" + "08090a", "ef0f00006f" + "0102", "6f" + "0102",
        "800f00026f" + "aabb" + "0102",
    ]

    /// VP9 in both modes and with a scalability structure, VP8 with all fields.
    private static let descriptors = [
        "e49234537700aa", "f805200308aa", "0a380140" + "00b4028001680204011401aa", "b0f0ffffab20009d012a80026801ff",
    ]

    /// A structure of two temporal layers, a frame by a template, one with its own references.
    private static let dependencies =
        "0fc0010080011ea85141010c09fc059c03c2010106c10102125098"
        + ""

    /// A DTLS 1.2 ClientHello with SRTP profiles (RFC 6347 section 4.2.1, RFC 5764 section 4.1.1).
    private static var clientHello: [UInt8] {
        let extensions = hex("000e0005000200070000" + "000a00040002001d" + "000d0004000204030017" + "0000")
        var body = hex("fefd") + [UInt8](repeating: 0x42, count: 32) + hex("0000" + "0004c02bc02f" + "0100")
        body += [0, UInt8(extensions.count)] + extensions
        let length: [UInt8] = [0, 0, UInt8(body.count)]
        let handshake = [1] + length + hex("0000" + "000000") + length + body
        return hex("16fefd0000000000000000") + [0, UInt8(handshake.count)] + handshake
    }

    private static func datagram(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }

    private static let transport = [
        "c=IN IP4 0.0.0.0", "a=ice-ufrag:Kq9x", "a=ice-pwd:wG3TQn1c0uEYBZ7mGk2r8d5V", "a=setup:actpass", "a=rtcp-mux",
        "a=fingerprint:sha-256 " + Array(repeating: "7B", count: 32).joined(separator: ":"),
    ]

    private static let audio = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid", "a=sendrecv",
        "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "a=ssrc:1001 cname:a",
    ]

    private static let video = [
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:1", "a=sendonly", "a=rtcp-rsize", "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=ssrc-group:FID 2001 2002",
        "a=ssrc:2001 cname:a", "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host",
    ]

    private static let offer: String = {
        let session = [
            "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=ice-options:trickle",
        ]
        // A section's c= line comes right behind its m= line (RFC 8866 section 5).
        let sections = [audio, video].map { [$0[0]] + transport + $0.dropFirst() }
        return (session + sections.joined() + [""]).joined(separator: "\r\n")
    }()

    private static let frames = [
        frame(1, "ping", #"{"interval":5000}"#),
        frame(2, "invoke", #"{"object":"u2_kurento.WebRtcEndpoint","operation":"gatherCandidates","sessionId":"s"}"#),
        frame(
            3, "invoke",
            #"{"object":"u2_kurento.WebRtcEndpoint","operation":"connect","#
                + #""operationParams":{"sink":"u2_kurento.WebRtcEndpoint"}}"#),
        frame(4, "subscribe", #"{"object":"u2_kurento.WebRtcEndpoint","type":"IceCandidateFound"}"#),
        frame(
            5, "transaction",
            #"{"operations":[{"method":"create","params":{"type":"MediaPipeline"}},"#
                + #"{"method":"release","params":{"object":"newref:0"}}]}"#),
        frame(6, "release", #"{"object":"u1_kurento.MediaPipeline"}"#),
    ]

    private static func frame(_ id: Int, _ method: String, _ params: String) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
    }

    private static let records = [
        #"{"controller":"c1","deadline":1,"epoch":1,"id":"c1-1","operation":{"closeSession":{}},"session":"s1"}"#,
        #"{"controller":"c1","deadline":1,"epoch":1,"id":"c1-2","#
            + #""operation":{"addCandidate":{"_0":"e1","_1":"candidate:1"}},"session":"s1"}"#,
        #"{"controller":"c1","deadline":1,"epoch":1,"id":"c1-3","operation":{"openPipe":{"_0":"p1","_1":{"#
            + #""localSSRC":1,"media":[],"remoteSSRC":2,"#
            + #""receiveKey":"00112233445566778899aabbccddeeff00112233445566778899aabb","#
            + #""sendKey":"ffeeddccbbaa99887766554433221100ffeeddccbbaa998877665544"}}},"session":"s1/2"}"#,
        #"{"controller":"c1","deadline":1,"epoch":1,"id":"c1-4","operation":{"connectPipe":{"_0":"p1","#
            + #""_1":{"local":"127.0.0.1:40000","remote":"[::1]:40001"}}},"session":"s1"}"#,
        #"{"reply":{"_0":"c1-1","_1":{"openedPipe":{"_0":{"addresses":["192.0.2.1:40000"],"network":"n"}}}}}"#,
        #"{"reply":{"_0":"c1-1","_1":{"done":{}}}}"#,
        #"{"event":{"_0":{"body":{"iceStateChanged":{"_0":"e1","_1":"connected"}},"session":"s1"},"_1":1}}"#,
        #"{"addresses":[],"heartbeats":{"addresses":["192.0.2.1:40000"],"#
            + #""key":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},"#
            + #""host":"h","id":"c1","incarnation":"a","processID":1,"startedAt":0}"#,
        "s1\nw1\na\n1\nc1\nopen\n{}",
        "redis://:secret@127.0.0.1:6379/0",
        "192.0.2.1:40000\n[2001:db8::1]:40000\n127.0.0.1:40001\n192.0.2.2:40001",
    ]

    static func hex(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var digits = text[...]
        while digits.count >= 2 {
            bytes.append(UInt8(digits.prefix(2), radix: 16) ?? 0)
            digits = digits.dropFirst(2)
        }
        return bytes
    }
}
