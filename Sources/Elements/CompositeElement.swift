import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// A hub's picture, as an element: at its own pace it puts together what its ports have last, and sends that, encoded
/// once for all viewers.
struct CompositeElement: MediaElement {
    private enum Plan {
        case grid(CompositeSpecification)
        case blending(BlendingArrangement)
    }

    private var plan: Plan
    private let hub: Hub
    private let port: ElementPort
    private let canvas: CompositeCanvas
    private var stream: SentTrack
    private let interval: Interval
    private var next: Instant
    private var age: PictureAge
    private var wantsKeyFrame = false
    private var lastKeyFrame: Instant?
    private(set) var status = ElementStatus()

    init(_ specification: CompositeSpecification, hub: Hub, port: ElementPort) throws(Refusal) {
        if let complaint = specification.complaint { throw Refusal(.invalid, complaint) }
        try self.init(.grid(specification), frameRate: specification.frameRate, hub, port)
    }

    /// A blending of nothing, until it is arranged.
    init(blendingIn hub: Hub, port: ElementPort) throws(Refusal) {
        try self.init(.blending(BlendingArrangement()), frameRate: Self.blendingRate, hub, port)
    }

    private init(_ plan: Plan, frameRate: Int, _ hub: Hub, _ port: ElementPort) throws(Refusal) {
        self.plan = plan
        self.hub = hub
        self.port = port
        do throws(MediaError) {
            canvas = try CompositeCanvas(frameRate: frameRate)
        } catch {
            throw Refusal(.overLimit, "no encoder for a hub: \(error)")
        }
        interval = .nanoseconds(1_000_000_000 / Int64(frameRate))
        age = PictureAge(interval: interval)
        next = HostClock.now
        var random = SeededRandom(seed: HostClock.entropy())
        let cname = "hub-" + String(random.next(), radix: 36)
        stream = SentTrack(.vp8, payloadType: 96, cname: cname, now: HostClock.now, random: &random)
    }

    /// Pictures a second.
    private static let blendingRate = 15

    var media: [NegotiatedMedia] { [stream.section] }

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        guard case .arrange(let arrangement) = command, case .blending = plan else {
            return .refused(Refusal(.invalid, "a hub cannot do that"))
        }
        plan = .blending(arrangement)
        return .done
    }

    /// Viewers ask for key frames.
    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while let next = try? compound.next() {
            switch next {
            case .pictureLossIndication, .fullIntraRequest: wantsKeyFrame = true
            default: continue
            }
        }
    }

    var deadline: Instant { next }

    mutating func advance(to now: Instant) {
        status.state = .started
        let isWatched = port.isWatched(.video)
        hub.setWatched(isWatched, visible: visible)
        guard now >= next else { return }
        next = next + interval
        // Pictures that time was too short for are left out.
        if now > next { next = now + interval }
        guard isWatched else { return }
        var batch = PacketBatch()
        send(into: &batch, now: now)
        let unixOffset = Interval(nanoseconds: Int64(clamping: HostClock.wallClock)) - (now - .origin)
        stream.report(now: now, unixOffset: unixOffset, into: &batch)
        if !batch.isEmpty { port.send(.packets(batch)) }
    }

    /// Nil for all.
    private var visible: Set<EndpointID>? {
        guard case .blending(let arrangement) = plan else { return nil }
        return Set(arrangement.places.map(\.port) + [arrangement.master].compactMap(\.self))
    }

    private mutating func send(into batch: inout PacketBatch, now: Instant) {
        let pictures = hub.pictures
        guard let layout = layout(pictures) else { return }
        if wantsKeyFrame, lastKeyFrame.map({ now - $0 >= Limits.keyFrameInterval }) ?? true {
            wantsKeyFrame = false
            canvas.requestKeyFrame()
        }
        do throws(MediaError) {
            age.note(pictures.values)
            try canvas.draw(layout, pictures)
            for frame in try canvas.encode(at: now - hub.origin) {
                if frame.isKeyFrame { lastKeyFrame = now }
                // Sound has the times when it was due, to the sample.
                stream.send(frame.bytes, at: now - age.mean, into: &batch)
            }
        } catch {
            // The next picture is tried again, whole.
            wantsKeyFrame = true
        }
    }

    private func layout(_ pictures: [EndpointID: HubPicture]) -> CompositeLayout? {
        switch plan {
        case .grid(let specification):
            let ports = pictures.sorted { ($0.value.order, $0.key.rawValue) < ($1.value.order, $1.key.rawValue) }
            return .grid(ports.map(\.key), width: specification.width, height: specification.height)
        case .blending(let arrangement):
            guard let size = size(arrangement, pictures) else { return nil }
            return .blending(arrangement, shown: Set(pictures.keys), width: size.width, height: size.height)
        }
    }

    /// The master's, smaller where that is too much; without its picture what it was.
    private func size(
        _ arrangement: BlendingArrangement, _ pictures: [EndpointID: HubPicture]
    ) -> (width: Int, height: Int)? {
        guard let master = arrangement.master, let picture = pictures[master]?.picture else {
            return arrangement.master == nil ? nil : canvas.size
        }
        var (width, height) = (picture.width, picture.height)
        while !CompositeSpecification.fits(width: width, height: height) { (width, height) = (width / 2, height / 2) }
        return (max(CompositeLayout.even(width), 2), max(CompositeLayout.even(height), 2))
    }

    mutating func takeReports() -> [ElementOutput] { [] }

    mutating func finish(now: Instant) { hub.setWatched(false, visible: nil) }
}
