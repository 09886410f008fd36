import Payload
import RTP
import Testing
import Wire

@testable import LoadGenerator

struct PictureTests {
    private let window = MeasurementWindow(start: 1_000_000_000, end: 4_000_000_000)

    private func header(_ sequence: UInt16, marker: Bool) -> RTPHeader {
        RTPHeader(
            payloadType: 96, marker: marker, sequenceNumber: SequenceNumber(sequence), timestamp: 1, ssrc: 5)
    }

    /// Pictures of two packets each.
    private func count(_ packets: [(sequence: UInt16, marker: Bool)]) -> PictureCounter {
        var counter = PictureCounter()
        for (place, packet) in packets.enumerated() {
            counter.receive(
                header(packet.sequence, marker: packet.marker), arrival: 1_000_000_000 + UInt64(place), window: window)
        }
        return counter
    }

    @Test func aPictureCountsWhenItCameWholeAndInOrder() {
        let whole = count([(65_534, false), (65_535, true), (0, false), (1, true), (2, false), (3, true)])
        // Of the first nobody knows whether something was before.
        #expect(whole.arrivals == [1_000_000_003, 1_000_000_005])
        #expect(whole.broken == 1)
        let lossy = count([(9, true), (10, false), (12, true), (13, false), (14, true), (11, false), (16, true)])
        #expect(lossy.arrivals == [1_000_000_004])
        #expect(lossy.broken == 3)
    }

    @Test func paddingBetweenPicturesBreaksNone() {
        let counter = count([(1, true), (2, false), (3, false), (4, true)])
        #expect(counter.arrivals == [1_000_000_003])
    }

    @Test func whatLiesOutsideOfTheWindowIsNotCounted() {
        var counter = PictureCounter()
        for (sequence, arrival) in [(UInt16(1), UInt64(0)), (2, 999_999_999), (3, 1_000_000_000), (4, 4_000_000_000)] {
            counter.receive(header(sequence, marker: true), arrival: arrival, window: window)
        }
        #expect(counter.arrivals == [1_000_000_000])
        #expect(counter.broken == 0)
    }

    @Test func aReportHasTheMeanTheWorstSecondAndTheLongestGap() {
        // 10 in the first second, 2 in the next, none in the last.
        let first = (0..<10).map { 1_000_000_000 + UInt64($0) * 100_000_000 }
        let pictures = LoadReport.Pictures(
            subscriber: 7, arrivals: first + [2_400_000_000, 2_500_000_000], broken: 3, window: window)
        #expect(pictures.subscriber == 7 && pictures.count == 12 && pictures.broken == 3)
        #expect(pictures.perSecond == 4)
        #expect(pictures.worstSecond == 0)
        #expect(pictures.longestGap == 1_500)
        let none = LoadReport.Pictures(subscriber: 0, arrivals: [], broken: 0, window: window)
        #expect(none.perSecond == 0 && none.longestGap == 3_000)
    }

    // MARK: Clips

    private func stream(_ clip: LoadClip, _ kind: MediaKind) throws -> PublishedStream {
        var random = SeededRandom(seed: 3)
        let codec =
            kind == .video
            ? CodecParameters(name: "VP8", payloadType: 96, clockRate: 90_000, rtxPayloadType: 97)
            : CodecParameters(name: "opus", payloadType: 111, clockRate: 48_000, channels: 2)
        let section = ClientSection(
            publisher: 1, mid: "v", kind: kind, parameters: RTPParameters(codecs: [codec], headerExtensions: []))
        let track = ClipTrack(clip, kind, random: &random)
        return try PublishedStream(
            section, run: 9, encoding: 0, rid: nil, sizes: nil, clip: track, random: &random, now: .origin)
    }

    /// The frames that a receiver puts together, and whether each began with a key frame as the publisher says.
    private func frames(_ stream: PublishedStream, _ count: Int, wantsKeyFrameBefore wanted: Int? = nil) throws
        -> [[UInt8]]
    {
        try (0..<count).map { step in
            if step == wanted { stream.wantKeyFrame() }
            let now = Instant(nanoseconds: UInt64(step) * 33_333_333)
            let frame = stream.beginFrame(now: now)
            var payload: [UInt8] = []
            for index in 0..<frame.plan.packets {
                var buffer = [UInt8](repeating: 0, count: 1_500)
                var span = buffer.mutableSpan
                var raw = span.mutableBytes
                let length = try stream.makePacket(
                    index, of: frame, transportSequence: 0, now: now, window: MeasurementWindow(), into: &raw)
                let packet = Array(buffer[..<length])
                let header = try RTPHeader(parsing: packet.span.bytes)
                #expect(header.marker == (index == frame.plan.packets - 1) || stream.kind == .audio)
                let bytes = Array(packet[header.payloadRange])
                payload += bytes[(stream.kind == .video ? try descriptorLength(bytes) : 0)...]
            }
            return payload
        }
    }

    private let clip = LoadClip(
        pictures: [[UInt8](repeating: 0x10, count: 3_000), [UInt8](repeating: 0x11, count: 100), [0x21, 2, 3]],
        framesPerSecond: 30, sound: [[0xF8, 1, 2], [0xF8, 3, 4]])

    @Test func aClipIsSentOverAndOver() throws {
        let sent = try frames(try stream(clip, .video), 7)
        #expect(sent == clip.pictures + clip.pictures + [clip.pictures[0]])
        #expect(try frames(try stream(clip, .audio), 3) == clip.sound + [clip.sound[0]])
        #expect(clip.bitsPerSecond == 3_103 * 8 * 10)
    }

    @Test func whoAsksForAKeyFrameGetsTheClipFromItsBeginning() throws {
        let sent = try frames(try stream(clip, .video), 4, wantsKeyFrameBefore: 2)
        #expect(sent == [clip.pictures[0], clip.pictures[1], clip.pictures[0], clip.pictures[1]])
    }

    @Test func aPlanWithAClipHasOneRoomAndTheClipsRate() {
        var plan = LoadPlan(publishers: 9, subscribers: 2, video: .real, hasAudio: true, framesPerSecond: 30)
        plan.clip = clip
        #expect(throws: Never.self) { try plan.check() }
        plan.framesPerSecond = 25
        #expect(throws: LoadError.self) { try plan.check() }
        plan.framesPerSecond = 30
        plan.rooms = 3
        #expect(throws: LoadError.self) { try plan.check() }
    }

    private func descriptorLength(_ bytes: [UInt8]) throws -> Int {
        try VP8PayloadDescriptor(parsing: bytes.span.bytes).length
    }
}
