import Media
import Payload
import Testing
import Wire

/// Pictures and sound through encoders and decoders.
@Suite struct CodecTests {
    static let videoCodecs: [MediaCodec] = [.vp8, .vp9, .h264]

    @Test(arguments: videoCodecs) func picturesComeOutAtOnce(codec: MediaCodec) throws {
        var encoder = try VideoEncoder(.init(codec: codec, bitRate: 500_000))
        var decoder = try VideoDecoder(codec)
        for index in 0..<30 {
            let frames = try encoder.encode(Material.picture(index))
            #expect(frames.count == 1 && frames[0].isKeyFrame == (index == 0))
            #expect(frames[0].width == 160 && frames[0].height == 120)
            let pictures = try decoder.decode(
                frames[0].bytes, pts: frames[0].pts, isKeyFrame: frames[0].isKeyFrame)
            #expect(pictures.count == 1)
            #expect(pictures[0].pts == .milliseconds(Int64(index) * 100))
            #expect(Material.distance(pictures[0], from: index) < 20)
        }
    }

    @Test(arguments: videoCodecs) func aKeyFrameComesWhenItIsAskedFor(codec: MediaCodec) throws {
        var encoder = try VideoEncoder(.init(codec: codec, bitRate: 500_000))
        var keys: [Int] = []
        for index in 0..<20 {
            if index == 7 || index == 13 { encoder.forceKeyFrame() }
            if try encoder.encode(Material.picture(index)).contains(where: \.isKeyFrame) { keys.append(index) }
        }
        #expect(keys == [0, 7, 13])
        // From there on it can be decoded.
        if codec == .h264 {
            var encoder = try VideoEncoder(.init(codec: codec, bitRate: 500_000))
            _ = try encoder.encode(Material.picture(0))
            encoder.forceKeyFrame()
            let encoded = try encoder.encode(Material.picture(1))
            let frame = try #require(encoded.first)
            #expect(try NALUnits(annexB: frame.bytes).sequenceParameterSet != nil)
        }
    }

    /// Noise, which takes what it is given.
    static func noise(_ index: Int, _ random: inout SeededRandom) throws -> VideoFrame {
        var picture = try VideoFrame(width: 320, height: 240, pts: .milliseconds(Int64(index) * 33))
        let (stride, random0) = (picture.stride(of: .y), random)
        var generator = random0
        try picture.withMutableBytes(of: .y) { bytes in
            for row in 0..<240 {
                for column in 0..<320 {
                    bytes.storeBytes(
                        of: UInt8(truncatingIfNeeded: 100 + generator.next() % 40),
                        toByteOffset: row * stride + column, as: UInt8.self)
                }
            }
        }
        random = generator
        return picture
    }

    @Test(arguments: videoCodecs) func theBitRateIsFollowedWithoutKeyFrames(codec: MediaCodec) throws {
        var encoder = try VideoEncoder(.init(codec: codec, bitRate: 2_000_000))
        var random = SeededRandom(seed: 3)
        var sums: [Int] = []
        var keys = 0
        for rate in [2_000_000, 500_000, 2_000_000] {
            encoder.setBitRate(rate)
            var sum = 0
            for index in 0..<60 {
                for frame in try encoder.encode(Self.noise(sums.count * 60 + index, &random)) {
                    // The first pictures after a change are still of the old one.
                    if index >= 20 { sum += frame.bytes.count }
                    if frame.isKeyFrame { keys += 1 }
                }
            }
            sums.append(sum)
        }
        #expect(keys == 1)
        #expect(sums[1] * 2 < sums[0] && sums[1] * 2 < sums[2], "\(sums)")
    }

    @Test(arguments: videoCodecs) func anotherSizeBeginsWithAKeyFrame(codec: MediaCodec) throws {
        var encoder = try VideoEncoder(.init(codec: codec, bitRate: 500_000))
        var decoder = try VideoDecoder(codec)
        for (index, size) in [(160, 120), (160, 120), (320, 180), (320, 180), (97, 63)].enumerated() {
            let picture = try Material.picture(index, width: size.0, height: size.1)
            let encoded = try encoder.encode(picture)
            let frame = try #require(encoded.first)
            #expect(frame.isKeyFrame == [0, 2, 4].contains(index))
            let wanted = codec == .h264 ? [size.0 & ~1, size.1 & ~1] : [size.0, size.1]
            #expect([frame.width, frame.height] == wanted)
            let decoded = try decoder.decode(frame.bytes, pts: frame.pts, isKeyFrame: frame.isKeyFrame)
            #expect(decoded.map { [$0.width, $0.height] } == [wanted])
        }
    }

    @Test(arguments: videoCodecs) func rubbishIsToldAndTheNextKeyFrameDecodes(codec: MediaCodec) throws {
        let frames = try Material.video(codec, count: 30)
        var decoder = try VideoDecoder(codec)
        var pictures = try decoder.decode(frames[1].bytes, pts: .zero, isKeyFrame: false)
        var needsKeyFrame = decoder.needsKeyFrame
        #expect(pictures.isEmpty && needsKeyFrame)
        pictures = try decoder.decode(frames[0].bytes, pts: .zero, isKeyFrame: true)
        #expect(pictures.count == 1)
        let rubbish = [UInt8](repeating: 0xff, count: 200)
        #expect(throws: MediaError.self) { _ = try decoder.decode(rubbish, pts: .zero, isKeyFrame: true) }
        needsKeyFrame = decoder.needsKeyFrame
        #expect(needsKeyFrame)
        for frame in frames[1..<10] {
            pictures = try decoder.decode(frame.bytes, pts: frame.pts, isKeyFrame: frame.isKeyFrame)
            #expect(pictures.isEmpty)
        }
        for (index, frame) in frames.enumerated().dropFirst(10) {
            let pictures = try decoder.decode(frame.bytes, pts: frame.pts, isKeyFrame: frame.isKeyFrame)
            #expect(pictures.count == 1)
            #expect(pictures.allSatisfy { Material.distance($0, from: index) < 20 })
        }
    }

    @Test(arguments: videoCodecs) func damagedFramesNeverTrap(codec: MediaCodec) throws {
        let frames = try Material.video(codec, count: 20)
        var random = SeededRandom(seed: 11)
        var decoder = try VideoDecoder(codec)
        for round in 0..<300 {
            let frame = frames[round % frames.count]
            var bytes = frame.bytes
            for _ in 0..<(random.next() % 8) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 4 == 0 { bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count)))) }
            let pictures = try? decoder.decode(bytes, pts: frame.pts, isKeyFrame: true)
            #expect((pictures ?? []).count <= Limits.framesPerPacket)
        }
    }

    @Test func picturesThatAreTooLargeAreRefused() throws {
        for (width, height) in [(0, 10), (10, -1), (4097, 10), (10, 4097), (4096, 4096), (Int.max, 2)] {
            #expect(throws: MediaError.tooLarge) { _ = try VideoFrame(width: width, height: height) }
        }
        // A key frame of VP8 whose header says 16383×16383 (RFC 6386 section 9.1).
        let frame: [UInt8] =
            [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f] + [UInt8](repeating: 0, count: 500)
        var decoder = try VideoDecoder(.vp8)
        #expect(throws: MediaError.self) { _ = try decoder.decode(frame, pts: .zero, isKeyFrame: true) }
    }

    @Test func codecsThatNobodyAsksForAreNotThere() {
        for name in ["gif", "text", "indeo3", "smacker", "no such codec", ""] {
            #expect(throws: MediaError.unsupportedCodec, "\(name)") { _ = try VideoDecoder(.other(name)) }
        }
        #expect(throws: MediaError.unsupportedCodec) { _ = try VideoDecoder(.opus) }
        #expect(throws: MediaError.unsupportedCodec) { _ = try AudioDecoder(.vp8) }
        #expect(throws: MediaError.unsupportedCodec) { _ = try VideoEncoder(.init(codec: .opus, bitRate: 1)) }
        #expect(throws: MediaError.unsupportedCodec) { _ = try AudioEncoder(.init(codec: .vorbis)) }
    }

    @Test func aPictureIsAValue() throws {
        let first = try Material.picture(1)
        var second = first
        try second.withMutableBytes(of: .y) { $0.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self) }
        #expect(second.sample(.y, x: 0, y: 0) == 1 && first.sample(.y, x: 0, y: 0) == Material.colours[0].y)
        // What a decoder gave away is no reference of it any more once it is changed.
        var encoder = try VideoEncoder(.init(codec: .vp8, bitRate: 500_000))
        var decoder = try VideoDecoder(.vp8)
        for index in 0..<10 {
            let encoded = try encoder.encode(Material.picture(index))
            let frame = try #require(encoded.first)
            var decoded = try decoder.decode(frame.bytes, pts: frame.pts, isKeyFrame: frame.isKeyFrame)
            #expect(decoded.count == 1)
            // Its only holder, but for the decoder.
            var picture = decoded.removeFirst()
            #expect(Material.distance(picture, from: index) < 20)
            try picture.withMutableBytes(of: .y) { bytes in
                for offset in 0..<bytes.byteCount { bytes.storeBytes(of: 255, toByteOffset: offset, as: UInt8.self) }
            }
        }
    }

    @Test func picturesAreScaled() throws {
        var scaler = VideoScaler()
        for (width, height) in [(320, 240), (64, 48), (161, 121), (160, 120)] {
            let scaled = try scaler.scale(Material.picture(5), width: width, height: height)
            #expect(scaled.width == width && scaled.height == height)
            #expect(Material.distance(scaled, from: 5) < 12)
            #expect(scaled.pts == .milliseconds(500))
        }
    }

    @Test func imagesWithAlphaBecomePictures() throws {
        var bytes: [UInt8] = []
        for row in 0..<20 {
            for _ in 0..<32 { bytes += row < 10 ? [0, 0, 255, 255] : [0, 0, 255, 0] }
            bytes += [9, 9, 9, 9]
        }
        var scaler = VideoScaler()
        let red = try scaler.scale(
            bytes, format: .bgra, width: 32, height: 20, stride: 132, toWidth: 64, toHeight: 40)
        #expect(red.hasAlpha && red.sample(.alpha, x: 30, y: 5) == 255 && red.sample(.alpha, x: 30, y: 35) == 0)
        #expect(abs(Int(red.sample(.y, x: 30, y: 5)) - 82) < 4 && abs(Int(red.sample(.v, x: 15, y: 3)) - 240) < 4)
        let blue = try scaler.scale(
            bytes, format: .rgba, width: 32, height: 20, stride: 132, toWidth: 64, toHeight: 40)
        #expect(abs(Int(blue.sample(.u, x: 15, y: 3)) - 240) < 4)
        #expect(throws: MediaError.tooLarge) {
            _ = try scaler.scale(bytes, format: .bgra, width: 32, height: 21, stride: 132, toWidth: 8, toHeight: 8)
        }
    }

    @Test(arguments: [.opus, .pcmu, .pcma, .aac] as [MediaCodec]) func aToneStaysATone(codec: MediaCodec) throws {
        let encoded = try Material.audio(codec, count: 50)
        #expect(encoded.frames.count >= 45)
        for (before, after) in zip(encoded.frames, encoded.frames.dropFirst()) {
            #expect((after.pts - before.pts).isNear(before.duration))
        }
        var track = MediaTrack(index: 0, kind: .audio, codec: codec)
        track.sampleRate = codec == .pcmu || codec == .pcma ? 8000 : 48_000
        track.channels = track.sampleRate == 8000 ? 1 : 2
        track.extradata = encoded.extradata
        for channels in [1, 2] {
            var decoder = try AudioDecoder(track, channels: channels)
            var samples: [Int16] = []
            for frame in encoded.frames {
                guard let sound = try decoder.decode(frame.bytes, pts: frame.pts) else { continue }
                #expect(sound.channels == channels)
                #expect(sound.pts.isNear(frame.pts, within: 5), "\(sound.pts) \(frame.pts)")
                samples += sound.samples
            }
            #expect(abs(samples.count / channels - 48_000) < 4000)
            #expect(Material.share(of: 440, in: samples, channels: channels) > 0.8)
            #expect(Material.share(of: 1000, in: samples, channels: channels) < 0.1)
            let loudest = Int(samples.dropFirst(samples.count / 2).max() ?? 0)
            #expect(loudest > 7000 && loudest < 9000, "\(channels) channels: \(loudest)")
        }
    }

    @Test func streamsOfRTPNeedNoHeaders() throws {
        for codec in [.opus, .pcmu, .pcma] as [MediaCodec] {
            let encoded = try Material.audio(codec, count: 30)
            var decoder = try AudioDecoder(codec)
            let samples = try encoded.frames.flatMap { try decoder.decode($0.bytes, pts: $0.pts)?.samples ?? [] }
            #expect(Material.share(of: 440, in: samples, channels: 2) > 0.8)
            // The next packet after rubbish is heard.
            _ = try? decoder.decode([0xff, 0xff, 0xff], pts: .zero)
            let next = try decoder.decode(encoded.frames[9].bytes, pts: .zero)
            #expect(next != nil)
        }
    }

    @Test func soundAfterAGapHasItsOwnTime() throws {
        var encoder = try AudioEncoder(.init(codec: .pcmu))
        var times: [Int64] = []
        for index in [0, 1, 2, 50, 51, 52] {
            times += try encoder.encode(Material.tone(index)).map(\.pts.milliseconds)
        }
        #expect(times.contains { abs($0 - 1000) < 5 } && times.filter { $0 > 60 && $0 < 990 }.isEmpty, "\(times)")
    }

    @Test func theBitRateOfSoundChanges() throws {
        var encoder = try AudioEncoder(.init(codec: .opus))
        var sums: [Int] = []
        for rate in [128_000, 12_000] {
            try encoder.setBitRate(rate)
            sums.append(
                try (0..<50).flatMap { try encoder.encode(Material.tone($0)) }.reduce(0) { $0 + $1.bytes.count })
        }
        #expect(sums[1] * 2 < sums[0])
    }

    @Test func soundOfAnyRateBecomes48kHz() throws {
        for (rate, channels) in [(8000, 1), (16_000, 2), (44_100, 2), (96_000, 1)] {
            var resampler = AudioResampler(channels: 2)
            var samples: [Int16] = []
            for block in 0..<50 {
                let count = rate / 50
                var input: [Int16] = []
                for sample in 0..<count {
                    let value = Material.sine(Double(block * count + sample) * 440 / Double(rate))
                    for _ in 0..<channels { input.append(value) }
                }
                let sound = try resampler.resample(
                    input, sampleRate: rate, channels: channels, pts: .milliseconds(Int64(block) * 20))
                #expect(sound.pts.isNear(.milliseconds(Int64(samples.count) / 2 / 48), within: 4))
                samples += sound.samples
            }
            #expect(abs(samples.count / 2 - 48_000) < 500)
            #expect(Material.share(of: 440, in: samples, channels: 2) > 0.9)
        }
    }
}
