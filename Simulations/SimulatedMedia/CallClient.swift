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
    var schedule = Schedule()
    private var restarts: ArraySlice<Instant>
    /// Between its start and its end where it has one.
    var relay: RelayPath?
    private let relayRandom: SeededRandom
    /// As they are signalled.
    var candidates: [String] = []

    /// When it has to do what next.
    struct Schedule: BitwiseCopyable {
        var transport = Instant.distantFuture
        var relay = Instant.distantFuture
        var restart = Instant.distantFuture
        var audio = Instant.distantFuture
        var video = Instant.distantFuture
        var report = Instant.distantFuture
        var transportFeedback = Instant.distantFuture
        var nack = Instant.distantFuture

        var earliest: Instant {
            min(
                min(min(transport, relay), min(audio, video)), min(min(report, transportFeedback), min(nack, restart)))
        }
    }

    // What it sends.
    var published: [PublishedStream] = []
    var transportSequence: UInt16 = 0
    var firSequences: [UInt32: UInt8] = [:]

    // What it receives.
    var sections: [ReceivedSection] = []
    var streams: [ReceivedStream] = []
    var counters: [VerificationCounters] = []
    var firstMedia: [Instant?] = []
    var arrivals = TransportFeedbackRecorder()
    let ssrc: UInt32

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
        schedule.restart = restarts.first ?? .distantFuture
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

    /// With a relay the offer waits for the relayed address.
    mutating func start(_ now: Instant, _ output: inout Output) {
        schedule.transport = transport.deadline
        guard let access = configuration.relay else {
            candidates = [Candidate.host(address: configuration.local, socket: 0).sdp]
            return signal(.offer, &output)
        }
        relay = RelayPath(access, local: configuration.local, random: relayRandom, now: now)
        flushRelay(now, &output)
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

    /// Packets are opened where they lie.
    mutating func receive(_ batch: inout [Datagram], _ now: Instant, _ output: inout Output) {
        for index in batch.indices where batch[index].destination == configuration.local {
            guard relay == nil else {
                relay?.receive(batch[index], now: now)
                takeRelayEvents(now, &output)
                continue
            }
            let source = batch[index].source
            var payload: [UInt8] = []
            swap(&payload, &batch[index].payload)
            guard !payload.isEmpty, batch[index].segment == nil else { continue }
            take(&payload, at: configuration.local, from: source, now, &output)
            swap(&payload, &batch[index].payload)
        }
    }

    mutating func advance(to now: Instant, _ output: inout Output) {
        if schedule.restart <= now {
            restarts.removeFirst()
            schedule.restart = restarts.first ?? .distantFuture
            guard !candidates.isEmpty else { return }
            credentials = Credentials(random: &random)
            statistics.restarted += 1
            signal(.restart, &output)
        }
        if schedule.relay <= now {
            relay?.advance(to: now)
            takeRelayEvents(now, &output)
        }
        if schedule.transport <= now {
            openSSL.run { transport.advance(to: now) }
            drain(now, &output)
        }
        if schedule.audio <= now { sendFrame(.audio, now, &output) }
        if schedule.video <= now { sendFrame(.video, now, &output) }
        if schedule.report <= now { sendReports(now, &output) }
        if schedule.transportFeedback <= now { sendTransportFeedback(now, &output) }
        if schedule.nack <= now { sendNacks(now, &output) }
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
        while let transmit = transport.nextTransmit() {
            send(unsafe transmit.bytes.span.bytes, to: transmit.tuple.remote, now, &output)
        }
        while let event = transport.nextEvent() {
            switch event {
            case .iceStateChanged(let state): output.note("ice \(state)")
            case .pairSelected(let local, let remote, _):
                if statistics.connected == nil { statistics.connected = now }
                statistics.kinds = PairKinds(local: local.kind, remote: remote.kind)
                output.note("selected \(local.kind) \(local.address) \(remote.kind) \(remote.address)")
            case .dtlsStateChanged(let phase): output.note("dtls \(phase)")
            // It negotiates no data channels.
            case .data: break
            }
        }
        schedule.transport = transport.deadline
        guard statistics.secured == nil, transport.isConnected else { return }
        statistics.secured = now
        beginMedia(now)
    }

    mutating func send(_ bytes: RawSpan, to remote: SocketAddress, _ now: Instant, _ output: inout Output) {
        guard relay != nil else {
            room.monitor.sends(bytes, from: configuration.local, to: remote, process: configuration.party, now: now)
            return output.send(copying: bytes, from: configuration.local, to: remote)
        }
        // Without its relayed address nothing leaves.
        guard let relayed = relay?.relayed else { return }
        room.monitor.sends(bytes, from: relayed, to: remote, process: configuration.party, now: now)
        relay?.send(unsafe bytes.withUnsafeBytes { unsafe Array($0) }, to: remote, now: now)
        flushRelay(now, &output)
    }
}
