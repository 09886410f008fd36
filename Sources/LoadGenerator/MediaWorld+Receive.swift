import RTP
import Transport
import Wire

/// The way in: one page from the socket to the verifier.
extension MediaWorld {
    /// Takes what a client's socket has, train by train.
    mutating func receive(_ slot: Int32) {
        guard clients.contains(slot) else { return }
        let count = batch.receive(from: clients[slot].socket.descriptor)
        guard count > 0 else { return }
        let now = LoadClock.now
        var needsDrain = false
        for entry in 0..<count {
            let shape = batch.shape(entry)
            let source = batch.source(entry)
            let arrival = arrivalTime(shape.arrival, now: now)
            if window.contains(arrival) { result.readDelay.record(nanoseconds: now.nanoseconds &- arrival) }
            var start = 0
            while start < shape.length {
                let end = min(start + shape.segment, shape.length)
                var packet = unsafe batch.datagram(entry, start..<end)
                take(&packet, of: slot, from: source, arrival: arrival, now: now, needsDrain: &needsDrain)
                start = end
            }
        }
        if needsDrain { drain(slot, now: now) }
    }

    /// The kernel's stamp on our clock; never later than now.
    private func arrivalTime(_ stamp: UInt64, now: Instant) -> UInt64 {
        guard stamp != 0 else { return now.nanoseconds }
        return min(stamp &- wallOffset, now.nanoseconds)
    }

    mutating func receiveCalibration() {
        let count = batch.receive(from: calibration.receiver.descriptor)
        let now = LoadClock.now
        for entry in 0..<count {
            let shape = batch.shape(entry)
            guard shape.length >= 8 else { continue }
            let datagram = unsafe batch.datagram(entry, 0..<8)
            let sentAt = datagram.bytes.uint64(at: 0)
            let arrival = arrivalTime(shape.arrival, now: now)
            if window.contains(sentAt), arrival >= sentAt {
                result.directLatency.record(nanoseconds: arrival &- sentAt)
            }
        }
    }

    private mutating func take(
        _ packet: inout MutableRawSpan, of slot: Int32, from source: SocketAddress, arrival: UInt64, now: Instant,
        needsDrain: inout Bool
    ) {
        if settings.lossThreshold > 0, isThrownAway(packet.bytes, of: slot) { return }
        let indexed = packet.byteCount > 1 && !RTCPType.isRTCP(packet.bytes) && packet.bytes.uint8(at: 0) >> 6 == 2
        let entry = indexed ? clients[slot].ledger?.entry(rtp: packet.bytes) : nil
        do throws(DropReason) {
            let length = packet.byteCount
            switch try clients[slot].transport.peer.receive(
                &packet, length: length, from: Tuple(socket: 0, remote: source), now: now)
            {
            case .handled: needsDrain = true
            case .rtp(let length):
                if let entry { clients[slot].ledger?.note(entry) }
                try takeMedia(&packet, length: length, of: slot, arrival: arrival, now: now)
            case .rtcp(let length): takeReports(packet.bytes.extracting(0..<length), of: slot, now: now)
            }
        } catch {
            if error == .srtpReplayed, let entry { clients[slot].ledger?.note(entry) }
            // A late answer to a STUN check or a repeated DTLS flight tells nothing about media (RFC 7983 section 7).
            let isMedia = packet.byteCount > 0 && packet.bytes.uint8(at: 0) >> 6 == 2
            if clients[slot].isWitness, isMedia { refuse(error) }
        }
    }

    /// Media that the plan has lost on the way; DTLS, STUN and RTCP are spared (RFC 7983 section 7).
    private mutating func isThrownAway(_ packet: RawSpan, of slot: Int32) -> Bool {
        guard clients[slot].isWitness, packet.byteCount > 1, packet.uint8(at: 0) >> 6 == 2, !RTCPType.isRTCP(packet)
        else { return false }
        return clients[slot].random.next() >> 32 < settings.lossThreshold
    }

    private mutating func refuse(_ reason: DropReason) {
        switch reason {
        case .srtpBadTag, .srtpMalformed, .rtpMalformed: result.counters.corrupt &+= 1
        // Without RTX a retransmission that the original overtook looks like this; else nobody asked for it.
        case .srtpReplayed:
            if settings.sendsNacks { result.counters.redundantRepairs &+= 1 } else { result.counters.duplicated &+= 1 }
        case .rtxEmpty: break
        default: result.counters.refused &+= 1
        }
    }

    private mutating func takeMedia(
        _ packet: inout MutableRawSpan, length: Int, of slot: Int32, arrival: UInt64, now: Instant
    ) throws(DropReason) {
        guard !clients[slot].isPublisher else { return }
        guard var header = try? RTPHeader(parsing: packet.bytes.extracting(0..<length)) else { throw .rtpMalformed }
        guard let index = clients[slot].stream(of: header.ssrc) ?? learn(header, packet.bytes, of: slot) else {
            throw .rtpUnknownStream
        }
        noteTransportSequence(header, packet.bytes, stream: index, of: slot, now: now)
        clients[slot].streams[index].statistics.update(header, arrival: now)
        guard let repaired = clients[slot].streams[index].repairs else {
            return receiveMedia(header, packet.bytes, stream: index, isRepair: false, of: slot, arrival, now)
        }
        let original = clients[slot].streams[repaired].ssrc
        let payloadType = clients[slot].streams[repaired].payloadType
        let plain = try RTX.decapsulate(&packet, header: header, payloadType: payloadType, ssrc: original)
        guard let restored = try? RTPHeader(parsing: packet.bytes.extracting(0..<plain)) else { throw .rtpMalformed }
        header = restored
        receiveMedia(header, packet.bytes, stream: repaired, isRepair: true, of: slot, arrival, now)
    }

    private mutating func receiveMedia(
        _ header: RTPHeader, _ packet: RawSpan, stream index: Int, isRepair: Bool, of slot: Int32, _ arrival: UInt64,
        _ now: Instant
    ) {
        let gap = clients[slot].streams[index].nacks.receive(header.sequenceNumber, isRecovered: isRepair, now: now)
        if gap == .newest { clients[slot].streams[index].newest = header.sequenceNumber }
        if gap == .keyFrameNeeded { requestKeyFrame(stream: index, of: slot) }
        if clients[slot].streams[index].nacks.missingCount > 0 { wake(slot, at: now + Limits.nackInterval) }
        if settings.clip != nil { return receivePicture(header, stream: index, of: slot, arrival, now) }
        guard !header.payloadRange.isEmpty else {
            return clients[slot].streams[index].verifier.receivePadding(header)
        }
        let hasAsked = clients[slot].streams[index].hasAsked
        let origin: StreamVerifier.Origin = isRepair || hasAsked && gap != .newest ? .repair : .media
        guard clients[slot].isWitness else {
            let sentAt = clients[slot].streams[index].verifier.receive(
                packet, header: header, origin: origin, window: MeasurementWindow(), counters: &rogueCounters)
            if sentAt != nil { noteMedia(stream: index, of: slot, arrival: arrival, now: now) }
            return
        }
        // Who has not come in is not expected to get anything.
        let witness = clients[slot].witness
        let counted = clients[slot].hasMedia || witness >= 0 ? window : MeasurementWindow()
        exchangeNumbers(of: index, slot)
        clients[slot].streams[index].verifier.toleratesRepeats = witness >= 0 && now < witnesses[witness].overlapEnds
        let sentAt = clients[slot].streams[index].verifier.receive(
            packet, header: header, origin: origin, window: counted, counters: &result.counters)
        exchangeNumbers(of: index, slot)
        guard let sentAt else { return }
        if !clients[slot].hasMedia { noteMedia(stream: index, of: slot, arrival: arrival, now: now) }
        noteGap(stream: index, of: slot, arrival: arrival)
        if counted.contains(sentAt) { result.latency.record(nanoseconds: arrival > sentAt ? arrival &- sentAt : 0) }
    }

    /// What a server has made itself carries nothing to verify it by.
    private mutating func receivePicture(
        _ header: RTPHeader, stream index: Int, of slot: Int32, _ arrival: UInt64, _ now: Instant
    ) {
        if clients[slot].sections[clients[slot].streams[index].section].kind == .video {
            clients[slot].streams[index].pictures.receive(header, arrival: arrival, window: window)
        }
        guard !header.payloadRange.isEmpty else { return }
        noteMedia(stream: index, of: slot, arrival: arrival, now: now)
        noteGap(stream: index, of: slot, arrival: arrival)
    }

    private mutating func noteGap(stream: Int, of slot: Int32, arrival: UInt64) {
        let witness = clients[slot].witness
        let section = clients[slot].streams[stream].section
        let found =
            witness >= 0
            ? witnesses[witness].sections[section].gaps.note(arrival, threshold: settings.gapThreshold)
            : clients[slot].streams[stream].gaps.note(arrival, threshold: settings.gapThreshold)
        guard let since = found, window.contains(since) else { return }
        list(gap(stream, of: slot, since: since, until: arrival, isOpen: false))
    }

    func gap(_ stream: Int, of slot: Int32, since: UInt64, until: UInt64, isOpen: Bool) -> MediaGap {
        let kind = clients[slot].sections[clients[slot].streams[stream].section].kind
        return gap(kind, of: clients[slot].person, since: since, until: until, isOpen: isOpen)
    }

    func gap(_ kind: MediaKind, of person: Int, since: UInt64, until: UInt64, isOpen: Bool) -> MediaGap {
        MediaGap(
            at: Double(since &+ wallOffset) / 1e6, milliseconds: Double(until &- since) / 1e6, subscriber: person,
            kind: kind.rawValue, isOpen: isOpen)
    }

    mutating func list(_ gap: MediaGap) {
        if result.gaps.count < Limits.listedGaps { result.gaps.append(gap) }
    }

    private mutating func noteMedia(stream: Int, of slot: Int32, arrival: UInt64, now: Instant) {
        let section = clients[slot].streams[stream].section
        guard !clients[slot].sections[section].hasMedia else { return }
        clients[slot].sections[section].hasMedia = true
        clients[slot].silentSections -= 1
        guard clients[slot].silentSections == 0, !clients[slot].isOver else { return }
        clients[slot].hasMedia = true
        output(.media(clients[slot].id, at: Instant(nanoseconds: arrival)))
        if clients[slot].rogue != nil { beginMischief(slot, now: now) }
    }

    /// Records the transport-wide number of a packet, where there is one.
    private mutating func noteTransportSequence(
        _ header: RTPHeader, _ packet: RawSpan, stream index: Int, of slot: Int32, now: Instant
    ) {
        let section = clients[slot].streams[index].section
        guard clients[slot].sections[section].hasTransportFeedback,
            let range = header.headerExtension(
                id: clients[slot].sections[section].extensions.transportSequence, in: packet), range.count >= 2
        else { return }
        let number = SequenceNumber(packet.uint16(at: range.lowerBound))
        if clients[slot].arrivals == nil {
            clients[slot].arrivals = TransportFeedbackRecorder()
            clients[slot].nextTransportFeedback = now + Limits.transportFeedbackInterval
            wake(slot, at: clients[slot].nextTransportFeedback)
        }
        clients[slot].arrivals?.record(number, arrival: now)
    }

    /// Finds the section of an SSRC that nobody announced: by its mid, else by its payload type when that is one
    /// section's alone (RFC 9143 section 9.2).
    private mutating func learn(_ header: RTPHeader, _ packet: RawSpan, of slot: Int32) -> Int? {
        guard clients[slot].streams.count < Limits.streams else { return nil }
        var found: Int?
        var isUnique = true
        for index in clients[slot].sections.indices {
            let section = clients[slot].sections[index]
            if let mid = section.mid, let range = header.headerExtension(id: section.extensions.mid, in: packet) {
                guard HeaderExtensionValue(packet.extracting(range)) == mid else { continue }
                found = index
                isUnique = true
                break
            }
            if section.payloadType == header.payloadType || section.rtxPayloadType == header.payloadType {
                isUnique = found == nil
                found = index
            }
        }
        guard let found, isUnique else { return nil }
        let isRepair = clients[slot].sections[found].rtxPayloadType == header.payloadType
        if isRepair {
            guard clients[slot].sections[found].stream != nil else { return nil }
            clients[slot].addRepair(header.ssrc, section: found, settings: settings)
        } else {
            if clients[slot].sections[found].stream != nil, clients[slot].isWitness {
                result.counters.extraStreams &+= 1
            }
            clients[slot].addStream(header.ssrc, section: found, settings: settings)
        }
        return clients[slot].streams.count - 1
    }

    /// RTCP: feedback to a publisher, reports to a subscriber. One that lies in its lengths has no effect.
    private mutating func takeReports(_ bytes: RawSpan, of slot: Int32, now: Instant) {
        guard var compound = try? CompoundPacket(bytes) else { return }
        while true {
            do throws(ParseError) {
                guard let packet = try compound.next() else { return }
                switch packet {
                case .senderReport(let report):
                    if let index = clients[slot].stream(of: report.ssrc) {
                        clients[slot].streams[index].statistics.receive(report, now: now)
                    }
                case .nack(let nack): retransmit(nack, bytes, of: slot)
                case .pictureLossIndication(let request): wantKeyFrame(of: slot, ssrc: request.mediaSSRC)
                case .fullIntraRequest(let request):
                    for entry in 0..<request.entryCount { takeFIR(request.entry(at: entry, in: bytes), of: slot) }
                default: break
                }
            } catch { continue }
        }
    }

    /// A repeated number is a repeated command (RFC 5104 section 4.3.1.2).
    private mutating func takeFIR(_ entry: (ssrc: UInt32, sequence: UInt8), of slot: Int32) {
        guard clients[slot].firSequences[entry.ssrc] != entry.sequence,
            clients[slot].published.contains(where: { $0.ssrc == entry.ssrc })
        else { return }
        clients[slot].firSequences[entry.ssrc] = entry.sequence
        wantKeyFrame(of: slot, ssrc: entry.ssrc)
    }
}
