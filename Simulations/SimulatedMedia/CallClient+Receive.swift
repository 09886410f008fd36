import LoadGenerator
import RTP
import Simulator
import Transport
import Wire

/// The way in: from the datagram to the verifier.
extension CallClient {
    /// A datagram that is not empty; it is opened where it lies.
    mutating func take(
        _ datagram: inout [UInt8], at local: SocketAddress, from source: SocketAddress, _ now: Instant,
        _ output: inout Output
    ) {
        room.monitor.receives(unsafe datagram.span.bytes, at: local, from: source, isLite: false, now: now)
        var span = datagram.mutableSpan
        var packet = unsafe span.mutableBytes
        take(&packet, from: source, now, &output)
    }

    private mutating func take(
        _ packet: inout MutableRawSpan, from source: SocketAddress, _ now: Instant, _ output: inout Output
    ) {
        let length = packet.byteCount
        let isMedia = packet.bytes.uint8(at: 0) >> 6 == 2
        do throws(DropReason) {
            let tuple = Tuple(socket: 0, remote: source)
            let received: Received
            if isMedia {
                received = try transport.receive(&packet, length: length, from: tuple, now: now)
            } else {
                // An error of DTLS may still have started or ended something.
                defer { drain(now, &output) }
                _ = try openSSL.run { () throws(DropReason) in
                    try transport.receive(&packet, length: length, from: tuple, now: now)
                }
                return
            }
            switch received {
            case .handled: drain(now, &output)
            case .rtp(let plain): try takeMedia(&packet, plain, now, &output)
            case .rtcp(let plain): takeReports(packet.bytes.extracting(0..<plain), now, &output)
            }
        } catch {
            if isMedia { count(error) }
        }
    }

    private mutating func count(_ reason: DropReason) {
        switch reason {
        case .srtpBadTag: statistics.badTags += 1
        case .srtpReplayed: statistics.replayed += 1
        case .rtxEmpty: break
        default: statistics.refused += 1
        }
    }

    private mutating func takeMedia(
        _ packet: inout MutableRawSpan, _ length: Int, _ now: Instant, _ output: inout Output
    ) throws(DropReason) {
        guard let header = try? RTPHeader(parsing: packet.bytes.extracting(0..<length)) else { throw .rtpMalformed }
        guard let index = streams.firstIndex(where: { $0.ssrc == header.ssrc }) else { throw .rtpUnknownStream }
        let extensions = sections[streams[index].section].extensions
        if let range = header.headerExtension(id: extensions.transportSequence, in: packet.bytes), range.count >= 2 {
            arrivals.record(SequenceNumber(packet.bytes.uint16(at: range.lowerBound)), arrival: now)
        }
        streams[index].statistics.update(header, arrival: now)
        guard let repaired = streams[index].repairs else {
            return takeMedia(header, packet.bytes, stream: index, isRepair: false, now, &output)
        }
        let plain = try RTX.decapsulate(
            &packet, header: header, payloadType: streams[repaired].payloadType, ssrc: streams[repaired].ssrc)
        guard let restored = try? RTPHeader(parsing: packet.bytes.extracting(0..<plain)) else { throw .rtpMalformed }
        takeMedia(restored, packet.bytes, stream: repaired, isRepair: true, now, &output)
    }

    private mutating func takeMedia(
        _ header: RTPHeader, _ packet: RawSpan, stream index: Int, isRepair: Bool, _ now: Instant,
        _ output: inout Output
    ) {
        let section = streams[index].section
        let gap = streams[index].nacks.receive(header.sequenceNumber, isRecovered: isRepair, now: now)
        let hasAsked = streams[index].hasAsked
        let origin: StreamVerifier.Origin = isRepair || hasAsked && gap != .newest ? .repair : .media
        if header.payloadRange.isEmpty {
            streams[index].verifier.receivePadding(header)
        } else {
            let window = MeasurementWindow(
                start: room.window.lowerBound.nanoseconds, end: room.window.upperBound.nanoseconds)
            let sentAt = streams[index].verifier.receive(
                packet, header: header, origin: origin, window: window, counters: &counters[section])
            if sentAt != nil, firstMedia[section] == nil { firstMedia[section] = now }
        }
        if sections[section].takesNacks, configuration.sendsNacks, streams[index].nacks.missingCount > 0 {
            schedule.nack = min(schedule.nack, now + Self.nackInterval)
        }
        if gap == .keyFrameNeeded { requestKeyFrame(stream: index, now, &output) }
    }

    /// RTCP. What is asked for is read before anything is answered.
    private mutating func takeReports(_ bytes: RawSpan, _ now: Instant, _ output: inout Output) {
        var wanted: [(ssrc: UInt32, numbers: [SequenceNumber])] = []
        guard var compound = try? CompoundPacket(bytes) else { return }
        while true {
            do throws(ParseError) {
                guard let packet = try compound.next() else { break }
                switch packet {
                case .senderReport(let report):
                    guard let index = streams.firstIndex(where: { $0.ssrc == report.ssrc }) else { break }
                    streams[index].statistics.receive(report, now: now)
                case .nack(let nack):
                    var numbers = nack.sequenceNumbers
                    var list: [SequenceNumber] = []
                    while let number = numbers.next(in: bytes) { list.append(number) }
                    wanted.append((nack.mediaSSRC, list))
                case .pictureLossIndication(let request): wantKeyFrame(request.mediaSSRC)
                case .fullIntraRequest(let request):
                    for entry in 0..<request.entryCount { takeFIR(request.entry(at: entry, in: bytes)) }
                default: break
                }
            } catch { continue }
        }
        for request in wanted { retransmit(request.numbers, of: request.ssrc, now, &output) }
    }

    private mutating func wantKeyFrame(_ ssrc: UInt32) {
        for stream in published where stream.ssrc == ssrc { stream.wantKeyFrame() }
    }

    /// A repeated number is a repeated command (RFC 5104 section 4.3.1.2).
    private mutating func takeFIR(_ entry: (ssrc: UInt32, sequence: UInt8)) {
        guard firSequences[entry.ssrc] != entry.sequence, published.contains(where: { $0.ssrc == entry.ssrc }) else {
            return
        }
        firSequences[entry.ssrc] = entry.sequence
        wantKeyFrame(entry.ssrc)
    }
}
