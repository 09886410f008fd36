import Forwarding
import RTP
import Wire

/// The product's router between a publisher and a viewer.
@safe final class ServerModel {
    static let publisher = EndpointIndex(0)
    static let viewer = EndpointIndex(1)

    private let memory: UnsafeMutableRawBufferPointer
    private var router: Router
    private var buffer = [UInt8](repeating: 0, count: 2_048)
    private(set) var retransmitted = 0

    init(isRepaired: Bool, knowsRedundancy: Bool, roundTrip: Interval, seed: UInt64, now: Instant) {
        let count = Router.memoryByteCount(capacity: 2)
        unsafe memory = .allocate(byteCount: count, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        router = unsafe Router(capacity: 2, random: SeededRandom(seed: seed), rewritingMemory: memory)
        let video = MediaModel.videoParameters(
            repaired: isRepaired, ssrc: MediaModel.videoSSRC, rtxSSRC: MediaModel.rtxSSRC)
        let audio = MediaModel.audioParameters(isRedundant: isRepaired, ssrc: MediaModel.audioSSRC)
        let watched = MediaModel.videoParameters(
            repaired: isRepaired, ssrc: ViewerModel.videoSSRC, rtxSSRC: ViewerModel.rtxSSRC)
        let heard = MediaModel.audioParameters(
            isRedundant: isRepaired && knowsRedundancy, ssrc: ViewerModel.audioSSRC)
        join(
            Self.publisher,
            [
                MediaSection(mid: "v", kind: .video, receives: video),
                MediaSection(mid: "a", kind: .audio, receives: audio),
            ], now: now)
        join(
            Self.viewer,
            [MediaSection(mid: "v", kind: .video, sends: watched), MediaSection(mid: "a", kind: .audio, sends: heard)],
            now: now)
        // As ICE measures it.
        router.setRoundTripTime(roundTrip, of: Self.publisher)
        for kind in MediaKind.allCases {
            router.connect(source: Self.publisher, sink: Self.viewer, kind: kind, now: now)
        }
    }

    deinit { unsafe memory.deallocate() }

    private func join(_ endpoint: EndpointIndex, _ media: [MediaSection], now: Instant) {
        router.open(endpoint)
        router.negotiate(endpoint, media: media, now: now)
        router.setConnected(endpoint, true, now: now)
    }

    /// Takes a datagram of an endpoint; what goes to the viewer at once goes to `line`.
    func receive(_ datagram: Line.Datagram, from endpoint: EndpointIndex, now: Instant, to line: inout Line) {
        let bytes = datagram.bytes
        guard !datagram.isRTCP else {
            unsafe try? router.receiveRTCP(bytes.span.bytes, from: endpoint, now: now)
            return
        }
        guard let forward = unsafe try? router.receiveRTP(bytes.span.bytes, from: endpoint, now: now) else { return }
        for index in 0..<forward.subscriberCount {
            let subscriber = router.subscriber(of: forward, at: index)
            var elements = buffer.mutableSpan
            var output = unsafe elements.mutableBytes
            let length = unsafe try? router.rewrite(
                forward, packet: bytes.span.bytes, for: subscriber, into: &output, now: now)
            guard let length, length > 0 else { continue }
            line.send(Line.Datagram(bytes: Array(buffer[..<length]), isRTCP: false), now: now)
        }
    }

    /// What the server sends of its own accord.
    func drain(now: Instant, toPublisher: inout Line, toViewer: inout Line) {
        if router.deadline <= now { router.advance(to: now) }
        while let transmit = next() {
            let datagram = Line.Datagram(bytes: Array(buffer[..<transmit.length]), isRTCP: transmit.kind == .rtcp)
            if !datagram.isRTCP { retransmitted += 1 }
            if transmit.endpoint == Self.publisher {
                toPublisher.send(datagram, now: now)
            } else {
                toViewer.send(datagram, now: now)
            }
        }
    }

    private func next() -> Transmit? {
        var elements = buffer.mutableSpan
        var output = unsafe elements.mutableBytes
        return router.nextTransmit(into: &output)
    }
}
