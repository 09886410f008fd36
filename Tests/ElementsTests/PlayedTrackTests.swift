import Foundation
import Media
import Payload
import RTP
import Reactor
import Testing
import Wire

@testable import Elements

@Suite struct PlayedTrackTests {
    private let now = Instant.origin + .seconds(9)

    /// A film of ten pictures in H.264 whose parameter sets are in the header alone, as in MP4 and Matroska.
    private func film() throws -> (track: MediaTrack, packets: [MediaPacket]) {
        let path = NSTemporaryDirectory() + "apus-played-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var encoder = try VideoEncoder(VideoEncoder.Configuration(codec: .h264, bitRate: 200_000))
        let pictures = try (0..<10).flatMap { number in
            try encoder.encode(VideoFrame(width: 64, height: 48, pts: .milliseconds(Int64(number) * 40)))
        }
        let sets = try NALUnits(annexB: pictures[0].bytes)
        var writer = try MediaWriter(
            "file://" + path, container: .mkv,
            tracks: [
                .h264(
                    width: 64, height: 48, sps: try #require(sets.sequenceParameterSet),
                    pps: try #require(sets.pictureParameterSet))
            ])
        for picture in pictures {
            var bytes = picture.bytes
            // Only the slices.
            let units = try NALUnits(annexB: bytes)
            bytes = (units.units(ofType: 5) + units.units(ofType: 1)).flatMap { [0, 0, 0, 1] + $0 }
            try writer.write(track: 0, pts: picture.pts, bytes: bytes, isKeyFrame: picture.isKeyFrame)
        }
        try writer.finish()
        var reader = try MediaReader("file://" + path)
        var packets: [MediaPacket] = []
        while let packet = try reader.next() { packets.append(packet) }
        return (reader.info.tracks[0], packets)
    }

    /// What receivers get of it, decoded.
    private func pictures(_ film: (track: MediaTrack, packets: [MediaPacket])) throws -> Int {
        let played = try PlayedTrack(film.track, stream: 0, usesEncodedMedia: true)
        let format = try #require(played.format)
        var random = SeededRandom(seed: 1)
        var sent = SentTrack([(.vp8, 96), (format, 102)], cname: "c", now: now, random: &random)
        sent.follow(format, played.parameterSets)
        var batch = PacketBatch()
        for packet in film.packets {
            played.play(packet, at: now + packet.pts, now: now) { sent.send($0, at: $1, into: &batch) }
        }
        var buffer = FrameBuffer(format, policy: .complete(patience: .milliseconds(100)))
        var decoder = try VideoDecoder(.h264)
        var count = 0
        batch.forEach { packet in
            guard let header = try? RTPHeader(parsing: packet) else { return }
            #expect(header.payloadType == 102)
            buffer.insert(header, payload: packet.extracting(header.payloadRange), now: now)
            while let frame = buffer.nextFrame(now: now) {
                count += (try? decoder.decode(frame.bytes, pts: .zero, isKeyFrame: frame.isKeyFrame).count) ?? 0
            }
        }
        return count
    }

    @Test func h264GoesOutAsItIsWithTheHeadersParameterSets() throws {
        let film = try film()
        #expect(film.track.extradata.first == 1, "lengths, not start codes")
        #expect(try pictures(film) == 10)
    }

    @Test func withoutTheWishItIsEncodedAnew() throws {
        let played = try PlayedTrack(try film().track, stream: 0, usesEncodedMedia: false)
        #expect(played.format == nil)
    }

    /// A film in VP8 with a key frame each 40 pictures, which become lighter by 3 from one to the next.
    private func vp8(_ count: Int) throws -> [MediaPacket] {
        var encoder = try VideoEncoder(VideoEncoder.Configuration(codec: .vp8, bitRate: 300_000))
        return try (0..<count).flatMap { number in
            if number % 40 == 0 { encoder.forceKeyFrame() }
            var picture = try VideoFrame(width: 64, height: 48, pts: .milliseconds(Int64(number) * 40))
            try picture.withMutableBytes(of: .y) { bytes in
                for index in 0..<bytes.byteCount {
                    bytes.storeBytes(of: UInt8(20 + number * 3), toByteOffset: index, as: UInt8.self)
                }
            }
            return try encoder.encode(picture).map {
                MediaPacket(track: 0, pts: $0.pts, isKeyFrame: $0.isKeyFrame, bytes: $0.bytes)
            }
        }
    }

    /// What leaves of it when a key frame is asked for before these pictures.
    private func play(_ film: [MediaPacket], asking: Set<Int>, usesEncodedMedia: Bool = false) throws -> [[UInt8]] {
        let track = MediaTrack(index: 0, kind: .video, codec: .vp8)
        let played = try PlayedTrack(track, stream: 0, usesEncodedMedia: usesEncodedMedia)
        var sent: [[UInt8]] = []
        for (number, packet) in film.enumerated() {
            if asking.contains(number) { played.requestKeyFrame() }
            played.play(packet, at: now + packet.pts, now: now + packet.pts) { bytes, _ in sent.append(bytes) }
        }
        return sent
    }

    /// RFC 6386 section 9.1: a key frame's first bit is 0.
    private func isKeyFrame(_ picture: [UInt8]) -> Bool { picture[0] & 1 == 0 }

    @Test func whoComesInTheMiddleGetsAKeyFrameAndTheSamePictures() throws {
        let film = try vp8(60)
        let sent = try play(film, asking: [20])
        #expect(sent.count == 60)
        let first = try #require(sent.indices.first { $0 >= 20 && isKeyFrame(sent[$0]) })
        #expect(first <= 28, "those before are decoded four at a time at least")
        #expect(sent[..<first].elementsEqual(film[..<first].map(\.bytes)), "others get the film until then")
        var decoder = try VideoDecoder(.vp8)
        for number in first..<40 {
            let pictures = try decoder.decode(sent[number], pts: .zero, isKeyFrame: isKeyFrame(sent[number]))
            let luma = Int(try #require(pictures.first).sample(.y, x: 32, y: 24))
            #expect(abs(luma - (20 + number * 3)) <= 6, "picture \(number) has \(luma)")
        }
        #expect(sent[40...].elementsEqual(film[40...].map(\.bytes)), "from its next key frame on it is the film again")
    }

    @Test func aSecondRequestMakesASecondKeyFrame() throws {
        let sent = try play(try vp8(40), asking: [10, 30])
        #expect(sent.indices.filter { isKeyFrame(sent[$0]) }.count == 3)
    }

    @Test func aRequestJustBehindAKeyFrameChangesNothing() throws {
        let film = try vp8(40)
        #expect(try play(film, asking: [3]) == film.map(\.bytes))
    }

    @Test(arguments: [0, 25, 39, 40, 55])
    func aSeekBeginsAtItsPictureWithAKeyFrame(place: Int) throws {
        let film = try vp8(60)
        let track = MediaTrack(index: 0, kind: .video, codec: .vp8)
        let played = try PlayedTrack(track, stream: 0, usesEncodedMedia: false)
        #expect(played.beginsAnywhere)
        played.restart(at: film[place].pts)
        var sent: [[UInt8]] = []
        for packet in film {
            played.play(packet, at: now + packet.pts, now: now + packet.pts) { bytes, _ in sent.append(bytes) }
        }
        #expect(sent.count == 60 - place)
        var decoder = try VideoDecoder(.vp8)
        for (number, bytes) in zip(place..., sent) {
            #expect(number > place || isKeyFrame(bytes))
            let pictures = try decoder.decode(bytes, pts: .zero, isKeyFrame: isKeyFrame(bytes))
            let luma = Int(try #require(pictures.first).sample(.y, x: 32, y: 24))
            #expect(abs(luma - (20 + number * 3)) <= 6, "picture \(number) has \(luma)")
        }
        let untouched = place <= 40 ? 40 : 60
        #expect(sent[(untouched - place)...].elementsEqual(film[untouched...].map(\.bytes)))
    }

    @Test func whereNothingIsToBeEncodedASeekLeadsToAKeyFrame() throws {
        let track = MediaTrack(index: 0, kind: .video, codec: .vp8)
        #expect(try !PlayedTrack(track, stream: 0, usesEncodedMedia: true).beginsAnywhere)
    }

    @Test func soundBeforeThePlaceThatWasSoughtIsLeftOut() throws {
        let track = MediaTrack(index: 0, kind: .audio, codec: .opus)
        let played = try PlayedTrack(track, stream: 0, usesEncodedMedia: false)
        played.restart(at: .milliseconds(100))
        var sent: [UInt8] = []
        for number in UInt8(0)..<10 {
            let time = Interval.milliseconds(Int64(number) * 20)
            let packet = MediaPacket(track: 0, pts: time, isKeyFrame: true, bytes: [number])
            played.play(packet, at: now + time, now: now + time) { bytes, _ in sent += bytes }
        }
        #expect(sent == [5, 6, 7, 8, 9])
    }

    @Test func whereNothingIsToBeEncodedEverythingStaysAsItIs() throws {
        let film = try vp8(40)
        #expect(try play(film, asking: [20], usesEncodedMedia: true) == film.map(\.bytes))
    }

    private static let sounds: [(MediaCodec, Int, Int, PayloadFormat?)] = [
        (.opus, 48_000, 2, .opus), (.opus, 48_000, 6, nil), (.pcmu, 8000, 1, .pcmu), (.pcmu, 8000, 2, nil),
        (.pcma, 16_000, 1, nil), (.aac, 48_000, 2, nil),
    ]

    @Test(arguments: sounds)
    func soundGoesOutAsItIsWhereRTPHasRoomForIt(codec: MediaCodec, rate: Int, channels: Int, format: PayloadFormat?) {
        var track = MediaTrack(index: 0, kind: .audio, codec: codec)
        track.sampleRate = rate
        track.channels = channels
        #expect(PayloadFormat(carrying: track) == format)
    }
}
