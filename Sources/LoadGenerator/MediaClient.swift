import DTLS
import RTP
import Wire

/// What a media thread is told of a client.
struct ClientSetup: Sendable {
    /// Unique in the run.
    let id: Int
    let socket: TrainSocket
    let client: NegotiatedClient
    let isPublisher: Bool
    let rogue: RogueKind?
    let random: SeededRandom
    /// When it gives up waiting for media, or of a publisher for the connection.
    let joinDeadline: Instant
    /// The client whose place it takes, by its id.
    var replaces: Int?
    /// The id of the first of those that took each other's place.
    var person: Int
    /// How many were before it.
    var generation = 0
}

/// A client on its media thread.
struct MediaClient: ~Copyable {
    let id: Int
    let person: Int
    let replaces: Int?
    let socket: TrainSocket
    let isPublisher: Bool
    let rogue: RogueKind?
    let joinDeadline: Instant
    var transport: ClientTransport
    var random: SeededRandom

    // Of a subscriber.
    var sections: [ReceivedSection] = []
    var streams: [ReceivedStream] = []
    var arrivals: TransportFeedbackRecorder?
    /// Sends RTCP with it.
    let ssrc: UInt32

    // Of a publisher.
    var published: [PublishedStream] = []
    var transportSequence: UInt16 = 0
    var nextVideo = Instant.distantFuture
    var nextAudio = Instant.distantFuture
    let publisher: Int

    /// Index of what it shares with those whose place it took; -1 for nothing.
    var witness = -1
    /// Of a publisher: another has taken its place, and what it still sends is expected of nobody.
    var isSuperseded = false

    var isConnected = false
    /// Every section has had verified media: the client has joined.
    var hasMedia = false
    var silentSections = 0
    /// Failed, or said that it did.
    var isOver = false
    /// Sends nothing more.
    var isMute = false
    var nextReport = Instant.distantFuture
    var nextTransportFeedback = Instant.distantFuture
    var nextMischief = Instant.distantFuture
    var firSequences: [UInt32: UInt8] = [:]
    /// Nil where nobody asked for it.
    var ledger: IndexLedger?

    /// What is made of a setup; throws before there is a client.
    static func make(_ setup: ClientSetup, settings: MediaSettings, now: Instant) throws -> MediaClient {
        var random = setup.random
        let media = setup.client.media.prefix(Limits.sections)
        let published =
            setup.isPublisher
            ? try publications(
                media, settings: settings, generation: setup.generation, random: &random, now: now) : []
        let sections = try setup.isPublisher ? [] : media.map { section throws in try ReceivedSection(section) }
        let transport = try ClientTransport.make(
            setup.client.path, local: setup.socket.local, certificate: settings.certificate, random: random.split(),
            now: now)
        var client = MediaClient(setup, transport: transport, published: published, sections: sections, random: random)
        if settings.watchesIndices, client.isWitness { client.ledger = IndexLedger() }
        if !setup.isPublisher { client.expectAnnouncedStreams(media, settings: settings) }
        return client
    }

    private init(
        _ setup: ClientSetup, transport: consuming ClientTransport, published: [PublishedStream],
        sections: [ReceivedSection], random: SeededRandom
    ) {
        id = setup.id
        person = setup.person
        replaces = setup.replaces
        socket = setup.socket
        isPublisher = setup.isPublisher
        rogue = setup.rogue
        joinDeadline = setup.joinDeadline
        self.transport = transport
        self.published = published
        self.sections = sections
        silentSections = sections.count
        self.random = random
        ssrc = max(1, UInt32(truncatingIfNeeded: self.random.next()))
        publisher = setup.client.media.first?.publisher ?? 0
    }

    private static func publications(
        _ media: ArraySlice<ClientSection>, settings: MediaSettings, generation: Int, random: inout SeededRandom,
        now: Instant
    ) throws(LoadError) -> [PublishedStream] {
        var published: [PublishedStream] = []
        for section in media {
            if let clip = settings.clip {
                let track = ClipTrack(clip, section.kind, random: &random)
                published.append(
                    try PublishedStream(
                        section, run: settings.run, encoding: 0, rid: nil, sizes: nil, clip: track, random: &random,
                        now: now))
                continue
            }
            guard section.kind == .video, let pattern = settings.video else {
                published.append(
                    try PublishedStream(
                        section, run: settings.run, encoding: 0, rid: nil, sizes: nil, generation: generation,
                        random: &random, now: now))
                continue
            }
            let rids: [String?] = pattern == .simulcast ? SectionLayout.rids : [nil]
            for (encoding, rid) in rids.enumerated() {
                // Sizes depend on the seed and on who sends, on nothing else: every server gets the same.
                let sizes = FrameSizes(
                    pattern, encoding: encoding, framesPerSecond: settings.framesPerSecond,
                    random: SeededRandom(seed: settings.seed &+ UInt64(section.publisher) &* 977))
                published.append(
                    try PublishedStream(
                        section, run: settings.run, encoding: encoding, rid: rid, sizes: sizes,
                        generation: generation, random: &random, now: now))
            }
        }
        return published
    }

    private mutating func expectAnnouncedStreams(_ media: ArraySlice<ClientSection>, settings: MediaSettings) {
        for (index, section) in media.enumerated() {
            guard let encoding = section.parameters.encodings.first, let ssrc = encoding.ssrc else { continue }
            addStream(ssrc, section: index, settings: settings)
            if let rtx = encoding.rtxSSRC { addRepair(rtx, section: index, settings: settings) }
        }
    }

    /// The media stream of a section; replaces the one that it had.
    mutating func addStream(_ ssrc: UInt32, section: Int, settings: MediaSettings) {
        let known = sections[section]
        sections[section].stream = streams.count
        streams.append(stream(ssrc, known, section: section, repairs: nil, settings: settings))
    }

    /// The RTX stream of a section that has its media stream.
    mutating func addRepair(_ ssrc: UInt32, section: Int, settings: MediaSettings) {
        let known = sections[section]
        guard let repaired = known.stream else { return }
        streams.append(stream(ssrc, known, section: section, repairs: repaired, settings: settings))
    }

    private func stream(
        _ ssrc: UInt32, _ section: ReceivedSection, section index: Int, repairs: Int?, settings: MediaSettings
    ) -> ReceivedStream {
        ReceivedStream(
            ssrc: ssrc, section: index, repairs: repairs, payloadType: section.payloadType,
            verifier: StreamVerifier(
                run: settings.run, publisher: UInt16(truncatingIfNeeded: section.publisher), kind: section.kind,
                checksumInterval: settings.checksumInterval),
            nacks: NackGenerator(), statistics: ReceiverStatistics(ssrc: ssrc, clockRate: section.clockRate))
    }

    /// Index of the stream with this SSRC. Sections are few; packets come in runs.
    func stream(of ssrc: UInt32) -> Int? {
        for index in streams.indices where streams[index].ssrc == ssrc { return index }
        return nil
    }

    /// Witnesses are what is measured.
    var isWitness: Bool { !isPublisher && rogue == nil }
}

/// What all clients of a media thread have in common.
struct MediaSettings: Sendable {
    let run: UInt32
    let seed: UInt64
    let video: VideoPattern?
    let framesPerSecond: Int
    let checksumInterval: Int
    let sendsNacks: Bool
    let certificate: Certificate
    /// The publishers' frames are spread over a frame's time.
    let publishers: Int
    /// A packet is thrown away when 32 random bits are below it; 0 for none.
    let lossThreshold: UInt64
    let watchesIndices: Bool
    let gapThreshold: Interval
    let clip: LoadClip?

    init(_ plan: LoadPlan, run: UInt32, certificate: Certificate) {
        self.run = run
        seed = plan.seed
        video = plan.video
        framesPerSecond = plan.framesPerSecond
        checksumInterval = plan.checksumInterval
        sendsNacks = plan.sendsNacks
        self.certificate = certificate
        publishers = plan.publishers
        watchesIndices = plan.watchesIndices
        gapThreshold = plan.gapThreshold
        clip = plan.clip
        lossThreshold = UInt64(min(max(plan.receiveLoss, 0), 1) * Double(1 << 32))
    }
}
