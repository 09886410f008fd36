import Payload
import RTP
import Reactor
import Session
import Wire

/// Plays what clients upload to its URL, one after the other, while it arrives.
///
/// A session begins with the first upload and ends when none has come for a while.
struct UploadElement: MediaElement {
    private let specification: UploadSpecification
    private let desk: UploadDesk
    private let door: UploadDoor
    private var playback: Playback
    private var body: UploadBody?
    /// When the session ends, unless another upload comes.
    private var end: Instant?
    private(set) var status = ElementStatus()
    private var encoding = EncodingState()
    private var reports: [ElementOutput] = []

    /// - Parameter mayEncode: see ``PlayerElement``.
    init(
        _ specification: UploadSpecification, desk: UploadDesk, mayEncode: Bool, port: ElementPort
    ) throws(Refusal) {
        self.specification = specification
        self.desk = desk
        (door, status.url) = try desk.add(specification.token) { [weak port] in port?.wake() }
        playback = Playback(usesEncodedMedia: specification.usesEncodedMedia || !mayEncode, port: port)
    }

    var media: [NegotiatedMedia] { playback.media }

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        .refused(Refusal(.invalid, "an upload is played as it comes"))
    }

    mutating func receive(_ packet: RawSpan, now: Instant) { playback.receive(packet, now: now) }

    var deadline: Instant { playback.isOpen ? playback.deadline : end ?? .distantFuture }

    mutating func advance(to now: Instant) {
        if let next = door.take() { begin(next, now: now) }
        if playback.isOpen {
            for event in playback.advance(to: now) { take(event) }
            if playback.information != nil, body?.isWhole == true { body?.answer(.done) }
            if !playback.isOpen { finishUpload(now: now) }
            status.source = playback.information
            status.position = Int(playback.position.milliseconds)
        }
        guard let end, now >= end else { return }
        self.end = nil
        status.state = .stopped
    }

    private mutating func begin(_ next: UploadBody, now: Instant) {
        body = next
        end = nil
        status.state = .started
        do throws(SystemError) {
            playback.open(try PlayerSource(next))
        } catch {
            take(.failed(ElementFailure(.other, "no thread for an upload: \(error)")))
            finishUpload(now: now)
        }
    }

    private mutating func take(_ event: Playback.Event) {
        switch event {
        case .ended: reports.append(.ended)
        case .leftOut(let failure), .failed(let failure):
            reports.append(.failed(failure))
            if !playback.isOpen { body?.answer(.failed(failure)) }
        }
    }

    /// The next one may come.
    private mutating func finishUpload(now: Instant) {
        body?.answer(.done)
        body = nil
        door.release()
        end = now + .seconds(Int64(specification.disconnectionTimeout))
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports + encoding.news { playback.encodes($0) }
    }

    mutating func finish(now: Instant) {
        desk.remove(specification.token, door)
        body?.answer(.closed)
        playback.close()
    }
}
