import RTP
import Testing
import Wire

@testable import Forwarding

/// A router with its memory and a clock, and shorthands for peers around it.
final class Fixture {
    private(set) var codecs: [String] = []
    struct Sent {
        var endpoint: EndpointIndex
        var bytes: [UInt8]

        var header: RTPHeader { try! RTPHeader(parsing: bytes.span.bytes) }
        var payload: [UInt8] { Array(bytes[header.payloadRange]) }

        func headerExtension(_ id: UInt8) -> [UInt8]? {
            header.headerExtension(id: id, in: bytes.span.bytes).map { Array(bytes[$0]) }
        }
    }

    let memory: UnsafeMutableRawBufferPointer
    var router: Router
    var now = Instant(nanoseconds: 5_000_000_000)
    var lastDrop: DropReason?
    /// RTCP and retransmissions that the router wanted to send, in order.
    var rtcp: [Sent] = []
    var retransmitted: [Sent] = []

    init(capacity: Int = 8, seed: UInt64 = 1, memory taken: UnsafeMutableRawBufferPointer? = nil) {
        let count = Router.memoryByteCount(capacity: capacity)
        if let taken {
            memory = taken
        } else {
            memory = .allocate(byteCount: count, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
        }
        router = Router(capacity: capacity, random: SeededRandom(seed: seed), rewritingMemory: memory)
    }

    /// Opens, negotiates and connects the transport.
    func join(_ endpoint: EndpointIndex, _ media: [MediaSection]) {
        router.open(endpoint)
        router.negotiate(endpoint, media: media, now: now)
        router.setConnected(endpoint, true, now: now)
        drain()
    }

    @discardableResult
    func connect(
        _ source: EndpointIndex, _ sink: EndpointIndex, _ kind: MediaKind = .video, section: Int? = nil
    ) -> Bool {
        defer { drain() }
        return router.connect(source: source, sink: sink, kind: kind, section: section, now: now)
    }

    @discardableResult
    func select(_ endpoint: EndpointIndex, spatial: Int? = nil, temporal: Int? = nil) -> Bool {
        defer { drain() }
        return router.selectLayers(of: endpoint, spatial: spatial, temporal: temporal, now: now)
    }

    /// Gives a packet to the router and returns every subscriber's copy.
    @discardableResult
    func send(_ packet: [UInt8], from endpoint: EndpointIndex) -> [Sent] {
        lastDrop = nil
        var copies: [Sent] = []
        do {
            let forward = try router.receiveRTP(packet.span.bytes, from: endpoint, now: now)
            for index in 0..<forward.subscriberCount {
                let subscriber = router.subscriber(of: forward, at: index)
                var buffer = [UInt8](repeating: 0xEE, count: 2048)
                var span = buffer.mutableSpan
                var raw = span.mutableBytes
                do {
                    let length = try router.rewrite(
                        forward, packet: packet.span.bytes, for: subscriber, into: &raw, now: now)
                    if length > 0 { copies.append(Sent(endpoint: router.endpoint(of: subscriber), bytes: Array(buffer[..<length]))) }
                } catch { lastDrop = error }
            }
        } catch { lastDrop = error }
        drain()
        return copies
    }

    @discardableResult
    func sendRTCP(from endpoint: EndpointIndex, _ write: (inout ByteWriter) -> Void) -> DropReason? {
        var writer = ByteWriter()
        write(&writer)
        return sendRTCP(writer.bytes, from: endpoint)
    }

    @discardableResult
    func sendRTCP(_ bytes: [UInt8], from endpoint: EndpointIndex) -> DropReason? {
        defer { drain() }
        do {
            try router.receiveRTCP(bytes.span.bytes, from: endpoint, now: now)
            return nil
        } catch { return error }
    }

    func drain() {
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
            var span = buffer.mutableSpan
            var raw = span.mutableBytes
            guard let transmit = router.nextTransmit(into: &raw) else { break }
            let sent = Sent(endpoint: transmit.endpoint, bytes: Array(buffer[..<transmit.length]))
            if transmit.kind == .rtcp { rtcp.append(sent) } else { retransmitted.append(sent) }
        }
    }

    /// All but the codecs in use, which go to ``codecs``.
    func events() -> [ForwardingEvent] {
        var events: [ForwardingEvent] = []
        while let event = router.nextEvent() {
            if case .codecInUse(_, _, let codec) = event { codecs.append(codec.name) } else { events.append(event) }
        }
        return events
    }

    /// Moves the clock, serving every deadline on the way.
    func wait(_ interval: Interval) {
        let end = now + interval
        while router.deadline <= end {
            now = max(now, router.deadline)
            router.advance(to: now)
            drain()
        }
        now = end
    }

    /// Parsed RTCP packets sent to an endpoint so far, then forgotten.
    func takeRTCP(to endpoint: EndpointIndex) -> [(packet: RTCPPacket, bytes: [UInt8])] {
        var packets: [(RTCPPacket, [UInt8])] = []
        for sent in rtcp where sent.endpoint == endpoint {
            var compound = try! CompoundPacket(sent.bytes.span.bytes)
            while let packet = try! compound.next() { packets.append((packet, sent.bytes)) }
        }
        rtcp.removeAll { $0.endpoint == endpoint }
        return packets
    }

    /// Key-frame requests (PLI or FIR) among the RTCP to an endpoint.
    func takeKeyFrameRequests(to endpoint: EndpointIndex) -> Int {
        takeRTCP(to: endpoint).count { entry in
            switch entry.packet {
            case .pictureLossIndication, .fullIntraRequest: true
            default: false
            }
        }
    }
}

/// What a peer sends: VP8 and opus with ids and payload types as this peer numbers them.
enum Media {
    static let videoIn = RTPParameters(
        codecs: [
            CodecParameters(
                name: "VP8", payloadType: 96, clockRate: 90_000,
                feedback: ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"], rtxPayloadType: 97)
        ],
        headerExtensions: [
            HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 4),
            HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 3),
            HeaderExtensionParameters(uri: HeaderExtensionURI.videoOrientation, id: 11),
        ])

    static let audioIn = RTPParameters(
        codecs: [CodecParameters(name: "opus", payloadType: 111, clockRate: 48_000, channels: 2)],
        headerExtensions: [
            HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 4),
            HeaderExtensionParameters(uri: HeaderExtensionURI.audioLevel, id: 1),
        ])

    static func videoOut(ssrc: UInt32 = 0xAA, rtx: UInt8? = 101, extensions: Bool = true) -> RTPParameters {
        RTPParameters(
            codecs: [
                CodecParameters(
                    name: "vp8", payloadType: 100, clockRate: 90_000, feedback: ["nack", "nack pli"],
                    rtxPayloadType: rtx)
            ],
            headerExtensions: extensions
                ? [
                    HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 9),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.videoOrientation, id: 6),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.absoluteSendTime, id: 2),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 3),
                ] : [],
            encodings: [EncodingParameters(ssrc: ssrc, rtxSSRC: ssrc + 1)], cname: "us")
    }

    static func audioOut(ssrc: UInt32 = 0xCC) -> RTPParameters {
        RTPParameters(
            codecs: [CodecParameters(name: "opus", payloadType: 109, clockRate: 48_000, channels: 2)],
            headerExtensions: [HeaderExtensionParameters(uri: HeaderExtensionURI.audioLevel, id: 5)],
            encodings: [EncodingParameters(ssrc: ssrc)], cname: "us")
    }

    static let video = MediaSection(mid: "v", kind: .video, receives: videoIn)
    static let audio = MediaSection(mid: "a", kind: .audio, receives: audioIn)

    static func watch(ssrc: UInt32 = 0xAA, mid: String = "w", rtx: UInt8? = 101) -> MediaSection {
        MediaSection(mid: mid, kind: .video, sends: videoOut(ssrc: ssrc, rtx: rtx))
    }

    static func listen(ssrc: UInt32 = 0xCC) -> MediaSection {
        MediaSection(mid: "l", kind: .audio, sends: audioOut(ssrc: ssrc))
    }

    /// VP8: descriptor with S set, then the frame tag whose lowest bit is clear for a key frame.
    static func vp8(isKeyFrame: Bool, _ rest: [UInt8] = []) -> [UInt8] {
        [0x10, isKeyFrame ? 0x00 : 0x01, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x10, 0x00, 0x10, 0x00] + rest
    }

    static func packet(
        _ sequence: UInt16, timestamp: UInt32 = 0, ssrc: UInt32 = 0x11, type: UInt8 = 96, marker: Bool = false,
        extensions: [(UInt8, [UInt8])] = [], form: RTPHeaderWriter.Form = .oneByte, payload: [UInt8]
    ) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1500)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let header = RTPHeader(
            payloadType: type, marker: marker, sequenceNumber: SequenceNumber(sequence), timestamp: timestamp,
            ssrc: ssrc)
        var writer = try! RTPHeaderWriter(header, form: form, into: &raw)
        for (id, data) in extensions { #expect(writer.append(id: id, data.span.bytes, into: &raw)) }
        let length = writer.finish(into: &raw)
        raw.store(contentsOf: payload.span.bytes, at: length)
        return Array(buffer[..<(length + payload.count)])
    }

    static func key(_ sequence: UInt16, timestamp: UInt32 = 0, ssrc: UInt32 = 0x11) -> [UInt8] {
        packet(sequence, timestamp: timestamp, ssrc: ssrc, payload: vp8(isKeyFrame: true))
    }

    static func delta(_ sequence: UInt16, timestamp: UInt32 = 0, ssrc: UInt32 = 0x11) -> [UInt8] {
        packet(sequence, timestamp: timestamp, ssrc: ssrc, payload: vp8(isKeyFrame: false))
    }

    /// The RTX form of a video packet (RFC 4588).
    static func rtx(of original: [UInt8], sequence: UInt16, ssrc: UInt32 = 0x12) -> [UInt8] {
        let header = try! RTPHeader(parsing: original.span.bytes)
        let number = header.sequenceNumber.rawValue
        return packet(
            sequence, timestamp: header.timestamp, ssrc: ssrc, type: 97,
            payload: [UInt8(number >> 8), UInt8(number & 0xFF)] + original[header.payloadRange])
    }
}

let alice = EndpointIndex(0)
let bob = EndpointIndex(1)
let carol = EndpointIndex(2)
let dave = EndpointIndex(3)
