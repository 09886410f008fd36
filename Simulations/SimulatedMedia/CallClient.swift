import DTLS
import ICE
import LoadGenerator
import RTP
import Simulator
import Transport
import Wire

/// What a ``ClientProcess`` is made of. `+Send` and `+Receive` are the ways out and in.
@safe struct CallClient: ~Copyable {
    let configuration: ClientProcess.Configuration
    let room: CallRoom
    let openSSL: SeededOpenSSL
    var transport: PeerTransport
    private let record: UnsafeMutablePointer<TransportRecord>
    private let fingerprint: String
    private var credentials: Credentials
    private var random: SeededRandom
    private var transportDeadline = Instant.distantFuture
    private var restarts: ArraySlice<Instant>
    /// Between its start and its end where it has one.
    var relay: RelayPath?
    private let relayRandom: SeededRandom
    /// As they are signalled.
    var candidates: [String] = []

    // What it sends.
    var published: [PublishedStream] = []
    var transportSequence: UInt16 = 0
    var nextAudio = Instant.distantFuture
    var nextVideo = Instant.distantFuture
    var firSequences: [UInt32: UInt8] = [:]

    // What it receives.
    var sections: [ReceivedSection] = []
    var streams: [ReceivedStream] = []
    var counters: [VerificationCounters] = []
    var firstMedia: [Instant?] = []
    var arrivals = TransportFeedbackRecorder()
    let ssrc: UInt32
    var nextReport = Instant.distantFuture
    var nextTransportFeedback = Instant.distantFuture
    var nextNack = Instant.distantFuture

    let buffer = PacketBuffer()
    var scratch = ByteWriter(capacity: 2_048)
    var wanted: [SequenceNumber] = []

    var statistics = ClientProcess.Statistics()

    init(_ room: CallRoom, _ configuration: ClientProcess.Configuration, now: Instant) {
        self.room = room
        self.configuration = configuration
        var random = room.seed.stream("party:\(configuration.party)")
        openSSL = SeededOpenSSL(room.seed.stream("openssl:party:\(configuration.party)"))
        let certificate = room.makeCertificate(openSSL)
        fingerprint = certificate.fingerprint.value
        let credentials = Credentials(random: &random)
        self.credentials = credentials
        let record = unsafe TransportRecord.allocate(
            localUfrag: credentials.ufrag, localPassword: credentials.password)
        unsafe self.record = record
        transport = unsafe PeerTransport(
            configuration: AgentConfiguration(
                local: credentials, isControlling: true,
                localCandidates: configuration.relay == nil ? [.host(address: configuration.local, socket: 0)] : []),
            certificate: certificate, record: record, random: random.split(), now: now)
        restarts = configuration.restarts[...]
        relayRandom = room.seed.stream("relay:party:\(configuration.party)")
        ssrc = max(1, UInt32(truncatingIfNeeded: random.next()))
        self.random = random
        prepareMedia(now: now)
    }

    deinit { unsafe record.deallocate() }

    private mutating func prepareMedia(now: Instant) {
        for section in room.layout.sections[configuration.party] {
            do {
                if section.number == nil {
                    let sizes = FrameSizes(
                        .real, encoding: 0, framesPerSecond: max(1, configuration.framesPerSecond),
                        random: random.split())
                    published.append(
                        try PublishedStream(
                            section.client, run: room.run, encoding: 0, rid: nil,
                            sizes: section.kind == .video ? sizes : nil, random: &random, now: now))
                } else {
                    expect(try ReceivedSection(section.client), section.parameters.encodings[0])
                }
            } catch {
                preconditionFailure("every section of a call has a codec: \(error)")
            }
        }
    }

    private mutating func expect(_ section: ReceivedSection, _ encoding: EncodingParameters) {
        let index = sections.count
        sections.append(section)
        counters.append(VerificationCounters())
        firstMedia.append(nil)
        let media = streams.count
        for (ssrc, repairs) in [(encoding.ssrc, nil), (encoding.rtxSSRC, Optional(media))] {
            guard let ssrc else { continue }
            streams.append(
                ReceivedStream(
                    ssrc: ssrc, section: index, repairs: repairs, payloadType: section.payloadType,
                    verifier: StreamVerifier(
                        run: room.run, publisher: UInt16(section.publisher), kind: section.kind, checksumInterval: 1),
                    nacks: NackGenerator(),
                    statistics: ReceiverStatistics(ssrc: ssrc, clockRate: section.clockRate)))
        }
    }

    // MARK: What happens to it

    var deadline: Instant {
        min(
            transportDeadline, nextAudio, nextVideo, nextReport, nextTransportFeedback, nextNack,
            restarts.first ?? .distantFuture, relay?.deadline ?? .distantFuture)
    }

    var takesTCP: Bool { configuration.relay != nil }

    /// With a relay the offer waits for the relayed address.
    mutating func start(_ now: Instant, _ output: inout Output) {
        transportDeadline = transport.deadline
        guard let access = configuration.relay else {
            candidates = [Candidate.host(address: configuration.local, socket: 0).sdp]
            return signal(.offer, &output)
        }
        relay = RelayPath(access, local: configuration.local, random: relayRandom, now: now)
        relay?.flush(now, &output)
    }

    mutating func receive(_ message: CallMessage, _ now: Instant, _ output: inout Output) {
        openSSL.run {
            switch message.kind {
            case .answer: accept(message, now)
            case .restarted:
                transport.restart(local: credentials, now: now)
                accept(message, now)
            case .offer, .restart: break
            }
        }
        drain(now, &output)
    }

    mutating func receive(_ datagram: Datagram, _ now: Instant, _ output: inout Output) {
        guard datagram.destination == configuration.local else { return }
        if relay != nil {
            relay?.receive(datagram, now: now)
            return takeRelayEvents(now, &output)
        }
        guard datagram.segment == nil else { return }
        room.monitor.receives(
            datagram.payload, at: datagram.destination, from: datagram.source, isLite: false, now: now)
        guard buffer.fill(datagram.payload) else { return }
        take(datagram.payload.count, from: datagram.source, now, &output)
    }

    mutating func advance(to now: Instant, _ output: inout Output) {
        if let next = restarts.first, next <= now {
            restarts.removeFirst()
            guard !candidates.isEmpty else { return }
            credentials = Credentials(random: &random)
            statistics.restarted += 1
            signal(.restart, &output)
        }
        if let due = relay?.deadline, due <= now {
            relay?.advance(to: now)
            takeRelayEvents(now, &output)
        }
        if transportDeadline <= now {
            openSSL.run { transport.advance(to: now) }
            drain(now, &output)
        }
        if nextAudio <= now { sendFrame(.audio, now, &output) }
        if nextVideo <= now { sendFrame(.video, now, &output) }
        if nextReport <= now { sendReports(now, &output) }
        if nextTransportFeedback <= now { sendTransportFeedback(now, &output) }
        if nextNack <= now { sendNacks(now, &output) }
    }

    func signal(_ kind: CallMessage.Kind, _ output: inout Output) {
        let message = CallMessage(
            kind, party: configuration.party, credentials: credentials, fingerprint: fingerprint,
            candidates: candidates)
        output.signal(message.bytes, to: configuration.server)
    }

    private mutating func accept(_ answer: CallMessage, _ now: Instant) {
        do throws(DTLSError) {
            let remote = PeerTransport.Remote(
                credentials: answer.credentials, isLite: answer.isLite,
                fingerprint: try Fingerprint(algorithm: "sha-256", value: answer.fingerprint), isDTLSClient: false)
            try transport.negotiate(remote, now: now)
        } catch {
            preconditionFailure("the server's answer is no answer: \(error)")
        }
        for candidate in answer.candidates { transport.addRemoteCandidate(candidate, now: now) }
    }

    /// What STUN and DTLS have to say after anything touched the transport.
    mutating func drain(_ now: Instant, _ output: inout Output) {
        openSSL.run {
            if transport.deadline <= now { transport.advance(to: now) }
        }
        while let transmit = transport.nextTransmit() { send(transmit.bytes, to: transmit.tuple.remote, now, &output) }
        while let event = transport.nextEvent() {
            switch event {
            case .iceStateChanged(let state): output.note("ice \(state)")
            case .pairSelected(let local, let remote, _):
                if statistics.connected == nil { statistics.connected = now }
                statistics.kinds = PairKinds(local: local.kind, remote: remote.kind)
                output.note("selected \(local.kind) \(local.address) \(remote.kind) \(remote.address)")
            case .dtlsStateChanged(let phase): output.note("dtls \(phase)")
            }
        }
        transportDeadline = transport.deadline
        guard statistics.secured == nil, transport.isConnected else { return }
        statistics.secured = now
        beginMedia(now)
    }

    mutating func send(_ bytes: [UInt8], to remote: SocketAddress, _ now: Instant, _ output: inout Output) {
        guard relay != nil else {
            room.monitor.sends(
                bytes, from: configuration.local, to: remote, process: configuration.party, now: now)
            return output.send(bytes, from: configuration.local, to: remote)
        }
        // Without its relayed address nothing leaves.
        guard let relayed = relay?.relayed else { return }
        room.monitor.sends(bytes, from: relayed, to: remote, process: configuration.party, now: now)
        relay?.send(bytes, to: remote, now: now)
        relay?.flush(now, &output)
    }
}
