import RTP
import Wire

/// A browser that publishes: a video whose encoder makes a key frame when it is asked, audio with redundancy, and the
/// answers to NACKs (as RTX, each packet once a round trip).
struct PublisherModel {
    private let isRepaired: Bool
    private let begin: Instant
    private var frame = 0
    private var sound = 0
    private var number: UInt16 = 1_000
    private var rtxNumber: UInt16 = 0
    private var audioNumber: UInt16 = 5_000
    private var wantsKeyFrame = true
    private var sent: [UInt16: (bytes: [UInt8], at: Instant)] = [:]
    private var lastSound: [UInt8]?
    private var nextReport: Instant
    private(set) var keyFrames = 0
    private(set) var retransmitted = 0
    private(set) var mediaPackets = 0

    init(isRepaired: Bool, begin: Instant) {
        self.isRepaired = isRepaired
        self.begin = begin
        nextReport = begin + .milliseconds(100)
    }

    /// When a frame was captured, counted from 0.
    static func capture(ofFrame index: Int, from begin: Instant) -> Instant {
        begin + MediaModel.frameInterval * Int64(index)
    }

    mutating func produce(now: Instant, to line: inout Line) {
        while Self.capture(ofFrame: frame, from: begin) <= now { sendFrame(now: now, to: &line) }
        while begin + MediaModel.audioInterval * Int64(sound) <= now { sendSound(now: now, to: &line) }
        guard nextReport <= now else { return }
        nextReport = now + .seconds(1)
        sendReport(now: now, to: &line)
    }

    private mutating func sendFrame(now: Instant, to line: inout Line) {
        let isKey = wantsKeyFrame
        wantsKeyFrame = false
        if isKey { keyFrames += 1 }
        let count = isKey ? MediaModel.packetsPerKeyFrame : MediaModel.packetsPerFrame
        for index in 0..<count {
            let payload = MediaModel.videoPayload(
                frame: UInt32(frame), isKey: isKey, isFirst: index == 0, isLast: index == count - 1)
            let packet = MediaModel.packet(
                type: MediaModel.video, marker: index == count - 1, number: number,
                timestamp: UInt32(truncatingIfNeeded: frame * 3_000), ssrc: MediaModel.videoSSRC, payload: payload)
            sent[number] = (packet, .origin)
            sent[number &- 1_024] = nil
            number &+= 1
            mediaPackets += 1
            line.send(Line.Datagram(bytes: packet, isRTCP: false), now: now)
        }
        frame += 1
    }

    private mutating func sendSound(now: Instant, to line: inout Line) {
        let current = MediaModel.audioFrame(UInt32(sound))
        var payload = current
        if isRepaired {
            var headers: [UInt8] = []
            if let lastSound {
                let count = lastSound.count
                headers = [0x80 | MediaModel.opus, 0x0F, UInt8(count >> 8), UInt8(count & 0xFF)]
            }
            payload = headers + [MediaModel.opus] + (lastSound ?? []) + current
        }
        lastSound = current
        let packet = MediaModel.packet(
            type: isRepaired ? MediaModel.red : MediaModel.opus, number: audioNumber,
            timestamp: UInt32(truncatingIfNeeded: sound * 960), ssrc: MediaModel.audioSSRC, payload: payload)
        audioNumber &+= 1
        sound += 1
        line.send(Line.Datagram(bytes: packet, isRTCP: false), now: now)
    }

    private func sendReport(now: Instant, to line: inout Line) {
        var writer = ByteWriter()
        for ssrc in [MediaModel.videoSSRC, MediaModel.audioSSRC] {
            writer.writeSenderReport(
                SenderReport(
                    ssrc: ssrc, ntp: NTPTimestamp(now, unixOffset: .zero), rtpTimestamp: 0, packetCount: 0,
                    octetCount: 0))
            writer.writeSourceDescription(ssrc: ssrc, cname: "c")
        }
        line.send(Line.Datagram(bytes: writer.bytes, isRTCP: true), now: now)
    }

    /// Takes RTCP from the server.
    mutating func receive(_ bytes: [UInt8], roundTrip: Interval, now: Instant, to line: inout Line) {
        guard var compound = unsafe try? CompoundPacket(bytes.span.bytes) else { return }
        while let packet = try? compound.next() {
            switch packet {
            case .pictureLossIndication: wantsKeyFrame = true
            case .nack(let nack):
                var numbers = nack.sequenceNumbers
                while let wanted = unsafe numbers.next(in: bytes.span.bytes) {
                    retransmit(wanted.rawValue, roundTrip: roundTrip, now: now, to: &line)
                }
            default: break
            }
        }
    }

    private mutating func retransmit(_ wanted: UInt16, roundTrip: Interval, now: Instant, to line: inout Line) {
        guard let held = sent[wanted], held.at == .origin || now - held.at >= roundTrip else { return }
        sent[wanted]?.at = now
        let original = held.bytes
        let timestamp = original[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let packet = MediaModel.packet(
            type: MediaModel.rtx, marker: original[1] & 0x80 != 0, number: rtxNumber, timestamp: timestamp,
            ssrc: MediaModel.rtxSSRC,
            payload: [UInt8(wanted >> 8), UInt8(wanted & 0xFF)] + original[RTPHeader.fixedLength...])
        rtxNumber &+= 1
        retransmitted += 1
        line.send(Line.Datagram(bytes: packet, isRTCP: false), now: now)
    }
}
