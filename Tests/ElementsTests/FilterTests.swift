import Foundation
import Media
import Reactor
import Session
import Testing
import Wire

@testable import Elements

/// What filters do with pictures, without the network.
@Suite struct FilterTests {
    private func picture(_ brightness: UInt8 = 120, at pts: Interval = .zero) throws -> VideoFrame {
        var picture = try VideoFrame(width: 320, height: 240, pts: pts)
        try picture.withMutableBytes(of: .y) { bytes in
            for index in 0..<bytes.byteCount { bytes.storeBytes(of: brightness, toByteOffset: index, as: UInt8.self) }
        }
        return picture
    }

    private func apply(_ description: String, to picture: VideoFrame) throws -> VideoFrame {
        let chain = try ElementChain(try GStreamerElement(parsing: description))
        // A filter of rates gives a picture when it has seen the next one.
        var last = picture
        var all = chain.apply(picture)
        while all.isEmpty, last.pts < .seconds(2) {
            last.pts = last.pts + .milliseconds(100)
            all = chain.apply(last)
        }
        return try #require(all.first)
    }

    @Test(arguments: GStreamerElement.Name.allCases)
    func everyElementTakesPictures(name: GStreamerElement.Name) throws {
        let result = try apply(name.rawValue, to: try picture())
        #expect(result.width == 320 && result.height == 240)
    }

    @Test(arguments: [
        ("videoflip method=clockwise", 240, 320), ("videoflip method=3", 240, 320),
        ("videoflip video-direction=180", 320, 240), ("videocrop left=20 top=40 bottom=40", 300, 160),
        ("capsfilter caps=video/x-raw,framerate=15/1,width=160,height=(int)120", 160, 120),
        ("capsfilter caps=video/x-raw,width=160", 160, 120), ("videocrop left=4000 right=4000", 2, 240),
    ])
    func elementsChangeTheSize(description: String, width: Int, height: Int) throws {
        let result = try apply(description, to: try picture())
        #expect(result.width == width && result.height == height)
    }

    @Test func elementsChangeColours() throws {
        let brighter = try apply("videobalance brightness=0.4", to: try picture())
        #expect(brighter.sample(.y, x: 100, y: 100) > 180)
        let sepia = try apply("coloreffects preset=sepia", to: try picture())
        #expect(sepia.sample(.v, x: 100, y: 100) > 135 && sepia.sample(.u, x: 100, y: 100) < 120)
        let negative = try apply("coloreffects preset=xray", to: try picture(40))
        #expect(negative.sample(.y, x: 100, y: 100) > 180)
        for preset in ["none", "heat", "xpro", "yellowblue", "1"] {
            _ = try apply("coloreffects preset=\(preset)", to: try picture())
        }
    }

    @Test func textIsWrittenWhereItIsToBe() throws {
        let low = try apply("textoverlay text=HHHHHH font-desc='Sans 40'", to: try picture(16))
        #expect(brightest(low, rows: 180..<240) > 200 && brightest(low, rows: 0..<120) < 30)
        let high = try apply("textoverlay text=HHHHHH valignment=top", to: try picture(16))
        #expect(brightest(high, rows: 0..<60) > 200 && brightest(high, rows: 120..<240) < 30)
        let clock = try apply("clockoverlay time-format=\"%H:%M it's {now}\"", to: try picture(16))
        #expect(brightest(clock, rows: 0..<60) > 200)
    }

    private func brightest(_ picture: VideoFrame, rows: Range<Int>) -> UInt8 {
        rows.flatMap { row in (0..<picture.width).map { picture.sample(.y, x: $0, y: row) } }.max() ?? 0
    }

    @Test(arguments: [
        ("videoflip", "method", "sideways"), ("videobalance", "hue", "7"), ("videobalance", "contrast", "much"),
        ("capsfilter", "caps", "audio/x-raw"), ("capsfilter", "caps", "video/x-raw,width=1"),
        ("capsfilter", "caps", "video/x-raw,framerate=0/1"), ("videoflip", "angle", "1"), ("videocrop", "left", "-4"),
    ])
    func aValueThatIsNoneIsRefusedAndChangesNothing(element: String, property: String, value: String) throws {
        let chain = try ElementChain(try GStreamerElement(parsing: element))
        #expect(throws: Refusal.self) { try chain.set(property, to: value) }
        _ = chain.apply(try picture())
    }

    @Test func aMessageIsShownUntilTheNextOne() throws {
        var work = try PictureWork(.textFromData, policy: ResourcePolicy())
        #expect(brightest(try #require(work.apply(try picture(16)).first), rows: 0..<240) < 30)
        work.hear("HELLO, 'world': %{n} [x]")
        #expect(brightest(try #require(work.apply(try picture(16)).first), rows: 0..<240) > 200)
        work.hear(String(repeating: "👩‍👩‍👧‍👦", count: 5000))
        work.hear("")
        #expect(brightest(try #require(work.apply(try picture(16)).first), rows: 0..<240) < 30)
    }

    @Test(arguments: [-5.0, .nan, .infinity])
    func anImageHasToLieNearThePicture(offset: Double) throws {
        let layers = ImageLayers(policy: ResourcePolicy())
        let image = ImageOverlay(id: "a", uri: "file:///tmp/x.png", x: offset, y: 0, width: 1, height: 1)
        #expect(throws: Refusal.self) { try layers.add(image) }
        #expect(throws: Refusal.self) { try layers.remove("a") }
    }

    /// 24 bits a pixel, all white.
    private func bitmap(width: Int, height: Int) -> Data {
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 255) } }
        let pixels = [UInt8](repeating: 255, count: (3 * width + 3) / 4 * 4 * height)
        let information = little(40, 4) + little(width, 4) + little(height, 4) + little(1, 2) + little(24, 2)
        let rest = little(0, 4) + little(pixels.count, 4) + [UInt8](repeating: 0, count: 16)
        return Data(
            [0x42, 0x4D] + little(54 + pixels.count, 4) + little(0, 4) + little(54, 4) + information + rest + pixels)
    }

    @Test(arguments: [false, true])
    func anImageAppearsOnceItIsThere(keepsAspectRatio: Bool) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString).bmp")
        defer { try? FileManager.default.removeItem(at: path) }
        try bitmap(width: 100, height: 50).write(to: path)
        let layers = ImageLayers(policy: ResourcePolicy(roots: [FileManager.default.temporaryDirectory.path]))
        try layers.add(
            ImageOverlay(
                id: "a", uri: "file://" + path.path, x: 0.5, y: 0.5, width: 0.5, height: 0.5,
                keepsAspectRatio: keepsAspectRatio, isCentered: true))
        var result = try picture(40)
        let end = ContinuousClock.now + .seconds(10)
        while result.sample(.y, x: 240, y: 180) == 40, ContinuousClock.now < end {
            result = layers.apply(try picture(40))
            #expect(layers.takeReports().isEmpty)
        }
        #expect(result.sample(.y, x: 240, y: 180) > 200 && result.sample(.y, x: 150, y: 180) == 40)
        #expect((result.sample(.y, x: 240, y: 125) > 200) != keepsAspectRatio)
    }

    @Test func commandsOfOtherFiltersAreRefused() throws {
        var work = try PictureWork(.codes, policy: ResourcePolicy())
        #expect(throws: Refusal.self) { try work.obey(.removeImage("a")) }
        #expect(throws: Refusal.self) { try work.obey(.setProperty("method", "none")) }
    }
}
