import RTP
import Wire

/// A browser that watches and listens: what it is shown, what it hears, and its RTCP.
struct ViewerModel {
    static let videoSSRC: UInt32 = 0x100
    static let rtxSSRC: UInt32 = 0x101
    static let audioSSRC: UInt32 = 0x102

    private(set) var video: VideoViewer
    /// Audio frames that came, and when first.
    private(set) var heard: [Int: Instant] = [:]
    private var videoStatistics = ReceiverStatistics(ssrc: ViewerModel.videoSSRC, clockRate: 90_000)
    private var audioStatistics = ReceiverStatistics(ssrc: ViewerModel.audioSSRC, clockRate: 48_000)
    private var nextReport: Instant
    private(set) var redundantPackets = 0

    init(isRepaired: Bool, roundTrip: Interval, begin: Instant) {
        video = VideoViewer(isRepaired: isRepaired, roundTrip: roundTrip, begin: begin)
        nextReport = begin + .seconds(1)
    }

    mutating func receive(_ datagram: Line.Datagram, now: Instant) {
        guard !datagram.isRTCP else { return receiveRTCP(datagram.bytes, now: now) }
        guard let header = unsafe try? RTPHeader(parsing: datagram.bytes.span.bytes) else { return }
        var payload = datagram.bytes[header.payloadRange]
        switch header.payloadType {
        case MediaModel.video:
            videoStatistics.update(header, arrival: now)
            guard let packet = MediaModel.readVideo(payload) else { return }
            video.receive(header.sequenceNumber.rawValue, packet, now: now)
        case MediaModel.rtx:
            guard payload.count > RTX.overhead else { return }
            let number = payload.prefix(RTX.overhead).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
            payload.removeFirst(RTX.overhead)
            guard let packet = MediaModel.readVideo(payload) else { return }
            video.receive(number, packet, now: now)
        case MediaModel.opus:
            audioStatistics.update(header, arrival: now)
            hear(payload, now)
        case MediaModel.red:
            audioStatistics.update(header, arrival: now)
            redundantPackets += 1
            receiveRedundancy(Array(payload), now)
        default: break
        }
    }

    private mutating func receiveRedundancy(_ payload: [UInt8], _ now: Instant) {
        guard let redundancy = unsafe try? RedundantAudio(parsing: payload.span.bytes) else { return }
        for index in 0..<Int(redundancy.redundantCount) {
            guard let block = unsafe redundancy.block(at: index, in: payload.span.bytes) else { continue }
            hear(payload[block.range], now)
        }
        hear(payload[Int(redundancy.primaryOffset)...], now)
    }

    private mutating func hear(_ frame: ArraySlice<UInt8>, _ now: Instant) {
        guard let index = MediaModel.readAudio(frame), heard[index] == nil else { return }
        heard[index] = now
    }

    private mutating func receiveRTCP(_ bytes: [UInt8], now: Instant) {
        guard var compound = unsafe try? CompoundPacket(bytes.span.bytes) else { return }
        while let packet = try? compound.next() {
            guard case .senderReport(let report) = packet else { continue }
            if report.ssrc == Self.videoSSRC { videoStatistics.receive(report, now: now) }
            if report.ssrc == Self.audioSSRC { audioStatistics.receive(report, now: now) }
        }
    }

    /// Its feedback: what is missing at once, reports each second.
    mutating func poll(now: Instant, to line: inout Line) {
        var writer = ByteWriter()
        if nextReport <= now {
            nextReport = now + .seconds(1)
            writer.writeReceiverReport(
                ssrc: 1, blocks: [videoStatistics.makeReportBlock(now: now), audioStatistics.makeReportBlock(now: now)])
        }
        let wanted = video.poll(now: now)
        writer.writeNack(senderSSRC: 1, mediaSSRC: Self.videoSSRC, sequenceNumbers: wanted.nacks)
        if wanted.wantsKeyFrame { writer.writePictureLossIndication(senderSSRC: 1, mediaSSRC: Self.videoSSRC) }
        guard writer.count > 0 else { return }
        line.send(Line.Datagram(bytes: writer.bytes, isRTCP: true), now: now)
    }
}
