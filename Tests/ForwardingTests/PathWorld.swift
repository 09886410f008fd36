import RTP
import Testing
import Wire

@testable import Forwarding

/// A peer with three encodings, viewers behind links of their own, and what the viewers see.
final class PathWorld {
    /// A link with a tail-drop queue, and the viewer behind it.
    final class Viewer {
        let endpoint: EndpointIndex
        /// bit/s.
        var capacity: Double
        let delay: Interval
        /// Whether it says what became of packets, and how.
        var givesFeedback = true
        let feedback: String
        fileprivate var freeAt = Instant.origin
        fileprivate var arriving: [(at: Instant, bytes: [UInt8])] = []
        fileprivate var nextFeedback = Instant.origin
        fileprivate var recorder = TransportFeedbackRecorder()
        fileprivate var streamRecorder = CongestionControlRecorder()
        fileprivate var nacks = NackGenerator()
        private var received: Set<UInt16> = []
        private var expected: UInt16?
        private var lastFrame = Instant.origin
        /// The layer of the picture shown now, when it was first shown, and how often that changed.
        private(set) var layer = -1
        private(set) var layerSince = Instant.origin
        private(set) var changes = 0
        private(set) var longestGap = Interval.zero
        private(set) var frames = 0
        private(set) var dropped = 0
        private(set) var bytes = 0

        init(_ endpoint: EndpointIndex, capacity: Double, delay: Interval, feedback: String) {
            self.endpoint = endpoint
            self.feedback = feedback
            self.capacity = capacity
            self.delay = delay
        }

        func forget() { (changes, longestGap, frames, dropped, bytes) = (0, .zero, 0, 0, 0) }

        fileprivate func enqueue(_ packet: [UInt8], now: Instant) {
            let waiting = max(freeAt - now, .zero)
            guard waiting < .milliseconds(300) else { return dropped += 1 }
            let time = Double(packet.count + 44) * 8 / capacity
            freeAt = max(freeAt, now) + .nanoseconds(Int64(time * 1e9))
            arriving.append((freeAt + delay, packet))
        }

        fileprivate func take(_ packet: [UInt8], now: Instant) {
            bytes += packet.count
            let sent = Fixture.Sent(endpoint: endpoint, bytes: packet)
            if feedback == PacketFeedback.congestionControl {
                streamRecorder.record(ssrc: sent.header.ssrc, sent.header.sequenceNumber, arrival: now)
            } else if let number = sent.headerExtension(3) {
                recorder.record(SequenceNumber(UInt16(number[0]) << 8 | UInt16(number[1])), arrival: now)
            }
            var payload = sent.payload
            var sequence = sent.header.sequenceNumber
            let isRTX = sent.header.payloadType == 101
            if isRTX {
                sequence = SequenceNumber(UInt16(payload[0]) << 8 | UInt16(payload[1]))
                payload.removeFirst(2)
            }
            _ = nacks.receive(sequence, isRecovered: isRTX, now: now)
            let isKey = payload.count > 1 && payload[0] & 0x10 != 0 && payload[1] & 1 == 0
            show(sequence.rawValue, isKey: isKey, isEnd: payload.last == 1, layer: Int(payload[payload.count - 2]), now)
        }

        private var ends: [UInt16: (isEnd: Bool, layer: Int)] = [:]

        /// Frames are shown in order, from a key frame on, when all their packets are there.
        private func show(_ sequence: UInt16, isKey: Bool, isEnd: Bool, layer: Int, _ now: Instant) {
            if isKey, expected.map({ Int16(bitPattern: sequence &- $0) > 0 }) ?? true { expected = sequence }
            guard let next = expected, Int16(bitPattern: sequence &- next) >= 0 else { return }
            ends[sequence] = (isEnd, layer)
            while let expected, let packet = ends.removeValue(forKey: expected) {
                self.expected = expected &+ 1
                if packet.isEnd { shown(packet.layer, now) }
            }
        }

        private func shown(_ layer: Int, _ now: Instant) {
            if lastFrame != .origin { longestGap = max(longestGap, now - lastFrame) }
            lastFrame = now
            frames += 1
            guard layer != self.layer else { return }
            self.layer = layer
            layerSince = now
            changes += 1
        }

        /// How long nothing has been shown.
        func gap(now: Instant) -> Interval { max(longestGap, now - lastFrame) }
    }

    let fixture: Fixture
    private(set) var viewers: [Viewer] = []
    /// bit/s of each layer, and whether its encoder runs.
    var rates: [Double] = [150_000, 500_000, 1_500_000]
    /// What the peer was told of its encodings, and which it leaves out for that.
    var told: [[Bool]] = []
    private var isOff = [false, false, false]
    private var sequences: [UInt16] = [100, 200, 300]
    private var wantsKey = [true, true, true]
    private var frame: UInt32 = 0
    private var nextFrame: Instant
    private(set) var keyFrames = 0
    private var random = SeededRandom(seed: 5)

    init(seed: UInt64 = 1, viewers count: Int) {
        fixture = Fixture(capacity: count + 1, seed: seed)
        nextFrame = fixture.now
        var parameters = Media.videoIn
        parameters.headerExtensions += [HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 5)]
        parameters.encodings = ["q", "h", "f"].map { EncodingParameters(rid: $0) }
        fixture.join(alice, [MediaSection(mid: "v", kind: .video, receives: parameters)])
    }

    @discardableResult
    func addViewer(
        capacity: Double, delay: Interval = .milliseconds(20), rtx: UInt8? = 101,
        feedback: String = PacketFeedback.transportWide
    ) -> Viewer {
        let endpoint = EndpointIndex(Int32(viewers.count + 1))
        var parameters = Media.videoOut(ssrc: UInt32(0x1000 * (viewers.count + 1)), rtx: rtx)
        parameters.codecs[0].feedback.append(feedback)
        fixture.join(endpoint, [MediaSection(mid: "w", kind: .video, sends: parameters)])
        fixture.connect(alice, endpoint)
        let viewer = Viewer(endpoint, capacity: capacity, delay: delay, feedback: feedback)
        viewers.append(viewer)
        return viewer
    }

    /// Goes on for so long, a millisecond at a time.
    func run(_ interval: Interval) {
        let end = fixture.now + interval
        while fixture.now < end {
            if nextFrame <= fixture.now { sendFrame() }
            for viewer in viewers { serve(viewer) }
            fixture.wait(.milliseconds(1))
            collect()
        }
    }

    /// As libwebrtc does: an encoding that comes or goes restarts the encoder, with a key frame of each.
    func switchEncodings(_ active: [Bool]) {
        let off = active.map { !$0 }
        guard off != isOff else { return }
        isOff = off
        wantsKey = active
    }

    private func sendFrame() {
        nextFrame = nextFrame + .microseconds(33_333)
        frame += 1
        for layer in rates.indices where rates[layer] > 0 && !isOff[layer] {
            let isKey = wantsKey[layer]
            wantsKey[layer] = false
            if isKey { keyFrames += 1 }
            let spread = 0.8 + Double(random.next() % 400) / 1000
            var left = Int(rates[layer] / 8 / 30 * (isKey ? 10 : 1) * spread)
            var isFirst = true
            while left > 0 {
                let size = min(left, 1100)
                left -= size
                var payload = Media.vp8(isKeyFrame: isKey, [UInt8](repeating: 7, count: max(size - 13, 0)))
                if !isFirst { payload[0] = 0 }
                if isFirst, isKey { Self.writeSize(layer, into: &payload) }
                payload += [UInt8(layer), left == 0 ? 1 : 0]
                send(payload, layer: layer, isEnd: left == 0)
                isFirst = false
            }
        }
    }

    /// 320×180, 640×360, 1280×720 in a VP8 key frame's header (RFC 6386 section 9.1).
    private static func writeSize(_ layer: Int, into payload: inout [UInt8]) {
        let (width, height) = (0x140 << layer, 0xB4 << layer)
        payload.replaceSubrange(
            7..<11, with: [width, width >> 8, height, height >> 8].map { UInt8(truncatingIfNeeded: $0) })
    }

    private func send(_ payload: [UInt8], layer: Int, isEnd: Bool) {
        sequences[layer] &+= 1
        let extensions: [(UInt8, [UInt8])] = [(4, Array("v".utf8)), (5, [Array("qhf".utf8)[layer]])]
        let packet = Media.packet(
            sequences[layer], timestamp: frame * 3000, ssrc: UInt32(0x100 + layer), marker: isEnd,
            extensions: extensions, payload: payload)
        for copy in fixture.send(packet, from: alice) { deliver(copy) }
        collect()
    }

    private func deliver(_ sent: Fixture.Sent) {
        guard let viewer = viewers.first(where: { $0.endpoint == sent.endpoint }) else { return }
        viewer.enqueue(sent.bytes, now: fixture.now)
    }

    /// What the router sent of its own accord.
    private func collect() {
        for sent in fixture.retransmitted { deliver(sent) }
        fixture.retransmitted = []
        for entry in fixture.takeRTCP(to: alice) {
            guard case .pictureLossIndication(let indication) = entry.packet else { continue }
            let layer = Int(indication.mediaSSRC) - 0x100
            if wantsKey.indices.contains(layer) { wantsKey[layer] = true }
        }
        fixture.rtcp = []
    }

    private func serve(_ viewer: Viewer) {
        let now = fixture.now
        while let next = viewer.arriving.first, next.at <= now {
            viewer.arriving.removeFirst()
            viewer.take(next.bytes, now: now)
        }
        guard viewer.givesFeedback, viewer.nextFeedback <= now else { return }
        viewer.nextFeedback = now + .milliseconds(60)
        let ssrc = UInt32(0x1000 * (viewers.firstIndex { $0 === viewer } ?? 0) + 0x1000)
        var writer = ByteWriter()
        while viewer.recorder.writeFeedback(senderSSRC: 1, mediaSSRC: ssrc, to: &writer) {}
        // The receiver's clock is not ours.
        let timestamp = NTPTimestamp(now, unixOffset: .seconds(77_777))
        while viewer.streamRecorder.writeFeedback(senderSSRC: 1, timestamp: timestamp, now: now, to: &writer) {}
        var lost: [SequenceNumber] = []
        viewer.nacks.due(now: now, into: &lost)
        if !lost.isEmpty { writer.writeNack(senderSSRC: 1, mediaSSRC: ssrc, sequenceNumbers: lost) }
        guard writer.count > 0 else { return }
        fixture.sendRTCP(writer.bytes, from: viewer.endpoint)
        collect()
    }
}
