import Media
import Payload
import RTP
public import Reactor
public import Session
import Synchronization
import Wire

/// A worker's media plane: players, recorders, filters and hubs, each with a thread of its own, beside the reactors'
/// threads and behind them in the scheduler's favour.
public final class MediaEngine: ElementFactory {
    private let policy: ResourcePolicy
    private let isTranscoding: Bool
    /// Where a server of HTTP brings uploads.
    public let uploads = UploadDesk()
    private let running = Mutex(Running())
    private let hubs = HubTable()

    private struct Running {
        var ports: [UInt64: ElementPort] = [:]
        var last: UInt64 = 0
    }

    /// - Parameter isTranscoding: media are encoded anew for peers and for files that do not take the codec in which
    ///   they come. What filters and hubs make is encoded in any case.
    public init(policy: ResourcePolicy, isTranscoding: Bool = true) {
        self.policy = policy
        self.isTranscoding = isTranscoding
    }

    public func open(
        _ specification: ElementSpecification, named name: EndpointID, port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia] {
        switch specification {
        case .player(let specification):
            return try run(PlayerElement(specification, policy: policy, mayEncode: isTranscoding, port: port), port)
        case .upload(let specification):
            return try run(UploadElement(specification, desk: uploads, mayEncode: isTranscoding, port: port), port)
        case .recorder(let specification):
            let element = RecorderElement(specification, policy: policy, mayEncode: isTranscoding, port: port)
            return try run(element, port)
        case .filter(let specification):
            return try run(filter(specification, port), port)
        case .transcoder(let target):
            return try openTranscoder(to: target, port)
        case .composite(let specification):
            return try run(CompositeElement(specification, hub: hubs[name], port: port), port)
        case .alphaBlending:
            return try run(CompositeElement(blendingIn: hubs[name], port: port), port)
        case .hubPort(let specification):
            let hub = hubs[specification.hub]
            return try run(
                HubPortElement(specification, named: name, hub: hub, port: port), port, niceness: Self.talkNiceness)
        }
    }

    private func filter(
        _ specification: FilterSpecification, _ port: ElementPort
    ) throws(Refusal) -> ConverterElement<ConvertedVideo> {
        let converter = try refusing("the filter cannot be made") { () throws(MediaError) in
            try ConvertedVideo(to: .vp8, work: try PictureWork(specification, policy: policy))
        }
        return ConverterElement(converter, of: .video, target: specification.changesVideo ? .vp8 : nil, port: port)
    }

    private func refusing<Made>(_ reason: String, _ make: () throws(MediaError) -> Made) throws(Refusal) -> Made {
        do throws(MediaError) {
            return try make()
        } catch {
            throw Refusal(.invalid, "\(reason): \(error)")
        }
    }

    private func openTranscoder(
        to target: CodecParameters, _ port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia] {
        guard isTranscoding else { throw Refusal(.invalid, "this worker does not transcode (media.transcoding)") }
        guard let format = PayloadFormat(target) else {
            throw Refusal(.invalid, "\(target.name) is not encoded here")
        }
        guard format.kind == .video else {
            let converter = ConvertedAudio(to: format)
            return try run(
                ConverterElement(converter, of: .audio, target: format, port: port), port, niceness: Self.talkNiceness)
        }
        let converter = try refusing("\(target.name) is not encoded here") { () throws(MediaError) in
            try ConvertedVideo(to: format)
        }
        return try run(ConverterElement(converter, of: .video, target: format, port: port), port)
    }

    private func run(
        _ element: some MediaElement, _ port: ElementPort, niceness: Int32 = niceness
    ) throws(Refusal) -> [NegotiatedMedia] {
        let number = running.withLock { running -> UInt64? in
            guard running.ports.count < Limits.elements else { return nil }
            running.last += 1
            running.ports[running.last] = port
            return running.last
        }
        guard let number else {
            var element = element
            element.finish(now: HostClock.now)
            throw Refusal(.overLimit, "this worker carries \(Limits.elements) media elements already")
        }
        // Its owner may ask for it before its thread runs.
        port.publish(element.status)
        do throws(SystemError) {
            try ElementThread.start(named: "apus-element", niceness: niceness) { [self] in
                var element = element
                ElementThread.run(&element, port: port)
                forget(number)
            }
        } catch {
            forget(number)
            var element = element
            element.finish(now: HostClock.now)
            throw Refusal(.overLimit, "no thread for another media element: \(error)")
        }
        return element.media
    }

    private func forget(_ number: UInt64) { running.withLock { $0.ports[number] = nil } }

    public func close() async {
        for port in running.withLock({ Array($0.ports.values) }) { port.close() }
        let end = ContinuousClock.now + Limits.farewell
        while !running.withLock({ $0.ports.isEmpty }), ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Forwarding goes first: a reactor that wakes up takes the processor from an encoder.
    private static let niceness: Int32 = 10
    /// What people hear of each other goes before what is encoded or written.
    private static let talkNiceness: Int32 = 5
}
