import Foundation
import Testing
import Wire

@testable import Media

/// What is done to decoded pictures: filters, overlays, codes, images from files.
@Suite struct PictureTests {
    /// Brightness from left to right, in steps; darker below.
    private func gradient(width: Int = 64, height: Int = 48) throws -> VideoFrame {
        var picture = try VideoFrame(width: width, height: height, pts: .milliseconds(40))
        try draw(&picture) { x, y in UInt8(clamping: 16 + x * 2 + y) }
        return picture
    }

    private func draw(_ picture: inout VideoFrame, _ brightness: (Int, Int) -> UInt8) throws {
        let stride = picture.stride(of: .y)
        let (width, height) = (picture.width, picture.height)
        try picture.withMutableBytes(of: .y) { bytes in
            for y in 0..<height {
                for x in 0..<width {
                    bytes.storeBytes(of: brightness(x, y), toByteOffset: y * stride + x, as: UInt8.self)
                }
            }
        }
    }

    // MARK: Filters

    @Test func aFilterChangesThePictureAndKeepsItsTime() throws {
        let picture = try gradient()
        var filter = PictureFilter([.init("hflip")])
        let flipped = try #require(try filter.apply(picture).first)
        #expect(flipped.pts == .milliseconds(40) && flipped.width == 64)
        for x in [0, 20, 63] { #expect(flipped.sample(.y, x: x, y: 7) == picture.sample(.y, x: 63 - x, y: 7)) }
    }

    @Test func filtersFollowEachOtherAndTheSizeOfWhatComes() throws {
        var filter = PictureFilter([.init("transpose", [.init("dir", "clock")]), .init("vflip")])
        for (width, height) in [(64, 48), (32, 16)] {
            let turned = try #require(try filter.apply(try gradient(width: width, height: height)).first)
            #expect(turned.width == height && turned.height == width)
        }
    }

    @Test func aValueIsNoSyntax() throws {
        var filter = PictureFilter([.init("hflip"), .init("drawtext", [.init("text", "a,b[c];hflip=1:x"), .init("expansion", "none")])])
        #expect(try filter.apply(try gradient()).count == 1)
        var unknown = PictureFilter([.init("no such filter")])
        #expect(throws: MediaError.self) { try unknown.apply(try gradient()) }
        var wrong = PictureFilter([.init("transpose", [.init("dir", "sideways")])])
        #expect(throws: MediaError.self) { try wrong.apply(try gradient()) }
    }

    // MARK: Overlays

    @Test func anOverlayCountsAsMuchAsItsAlphaSays() throws {
        var picture = try VideoFrame(width: 32, height: 32)
        try draw(&picture) { _, _ in 100 }
        var image = try VideoFrame(width: 8, height: 8, hasAlpha: true)
        try draw(&image) { _, _ in 200 }
        let stride = image.stride(of: .alpha)
        try image.withMutableBytes(of: .alpha) { bytes in
            for row in 0..<8 {
                for (column, alpha) in [UInt8](arrayLiteral: 0, 0, 128, 128, 255, 255, 255, 255).enumerated() {
                    bytes.storeBytes(of: alpha, toByteOffset: row * stride + column, as: UInt8.self)
                }
            }
        }
        try picture.overlay(image, x: 10, y: 4)
        #expect([9, 10, 12, 14, 17, 18].map { picture.sample(.y, x: $0, y: 5) } == [100, 100, 150, 200, 200, 100])
        #expect(picture.sample(.y, x: 14, y: 3) == 100 && picture.sample(.y, x: 14, y: 12) == 100)
    }

    @Test(arguments: [(-4, -4), (28, 28), (-100, 0), (40, 40), (31, -7)])
    func whatLiesOutsideIsCutOff(x: Int, y: Int) throws {
        var picture = try VideoFrame(width: 33, height: 31)
        var image = try VideoFrame(width: 9, height: 7)
        try draw(&image) { _, _ in 235 }
        try picture.overlay(image, x: x, y: y)
        for row in 0..<31 {
            for column in 0..<33 {
                let isInside = (0..<9).contains(column - (x & ~1)) && (0..<7).contains(row - (y & ~1))
                #expect(picture.sample(.y, x: column, y: row) == (isInside ? 235 : 16))
            }
        }
    }

    @Test func whoeverSharesThePictureKeepsIt() throws {
        var picture = try VideoFrame(width: 16, height: 16)
        let shared = picture
        var image = try VideoFrame(width: 4, height: 4)
        try draw(&image) { _, _ in 200 }
        try picture.overlay(image, x: 0, y: 0)
        #expect(picture.sample(.y, x: 0, y: 0) == 200 && shared.sample(.y, x: 0, y: 0) == 16)
    }

    /// A decoder keeps its pictures, with rows as long as it likes.
    @Test func aPictureOfADecodersIsOverlaidAsWell() throws {
        var encoder = try VideoEncoder(VideoEncoder.Configuration(codec: .vp8, bitRate: 500_000))
        var decoder = try VideoDecoder(.vp8)
        var image = try VideoFrame(width: 160, height: 120)
        try draw(&image) { _, _ in 200 }
        for _ in 0..<3 {
            let encoded = try #require(try encoder.encode(try gradient(width: 320, height: 240)).first)
            for var picture in try decoder.decode(encoded.bytes, pts: .zero, isKeyFrame: encoded.isKeyFrame) {
                try picture.overlay(image, x: 160, y: 120)
                #expect(picture.sample(.y, x: 319, y: 239) == 200 && picture.sample(.y, x: 160, y: 120) == 200)
                #expect(picture.sample(.y, x: 10, y: 10) < 100)
            }
        }
    }

    // MARK: Codes

    /// EAN-13 (ISO/IEC 15420): the bars of twelve digits and their check digit.
    private func bars(_ digits: String) -> [Bool] {
        let odd = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"]
        let parity = ["OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO"]
        let numbers = digits.compactMap(\.wholeNumberValue)
        var text = "101"
        for (number, kind) in zip(numbers[1...6], parity[numbers[0]]) {
            let inverse = String(odd[number].map { $0 == "1" ? "0" : "1" })
            text += kind == "O" ? odd[number] : String(inverse.reversed())
        }
        text += "01010"
        for number in numbers[7...12] { text += odd[number].map { $0 == "1" ? "0" : "1" } }
        return (text + "101").map { $0 == "1" }
    }

    @Test func aBarCodeIsRead() throws {
        let bars = bars("4006381333931")
        var picture = try VideoFrame(width: 320, height: 120)
        try draw(&picture) { x, y in
            let bar = (x - 20) / 3
            return x >= 20 && bars.indices.contains(bar) && bars[bar] && (10..<110).contains(y) ? 16 : 235
        }
        var reader = try CodeReader()
        #expect(try reader.codes(in: picture) == [CodeReader.Code(type: "EAN-13", value: "4006381333931")])
        #expect(try reader.codes(in: try gradient()) == [])
    }

    // MARK: Images

    /// A picture of one colour, 24 bits a pixel.
    private func bitmap(width: Int, height: Int, blue: UInt8, green: UInt8, red: UInt8) -> Data {
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 255) } }
        let row = [[UInt8]](repeating: [blue, green, red], count: width).flatMap(\.self)
        let padded = row + [UInt8](repeating: 0, count: (4 - row.count % 4) % 4)
        let pixels = [[UInt8]](repeating: padded, count: height).flatMap(\.self)
        let information = little(40, 4) + little(width, 4) + little(height, 4) + little(1, 2) + little(24, 2)
        let rest = little(0, 4) + little(pixels.count, 4) + [UInt8](repeating: 0, count: 16)
        return Data([0x42, 0x4D] + little(54 + pixels.count, 4) + little(0, 4) + little(54, 4) + information + rest + pixels)
    }

    @Test func anImageIsReadWithItsColours() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString).bmp")
        defer { try? FileManager.default.removeItem(at: path) }
        try bitmap(width: 20, height: 10, blue: 0, green: 0, red: 255).write(to: path)
        let image = try ImageReader.read("file://" + path.path)
        #expect(image.width == 20 && image.height == 10 && image.hasAlpha)
        #expect(image.sample(.alpha, x: 3, y: 3) == 255)
        #expect((75...90).contains(image.sample(.y, x: 3, y: 3)) && image.sample(.v, x: 3, y: 3) > 220)
    }

    @Test(arguments: ["text", "truncated", "missing", "film"])
    func whatIsNoImageIsSaidToBe(kind: String) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString).png")
        defer { try? FileManager.default.removeItem(at: path) }
        switch kind {
        case "text": try Data("not a picture".utf8).write(to: path)
        case "truncated": try Data(bitmap(width: 20, height: 10, blue: 1, green: 2, red: 3).prefix(60)).write(to: path)
        case "film":
            // EBML, the beginning of every WebM file.
            try Data([0x1A, 0x45, 0xDF, 0xA3] + [UInt8](repeating: 0x80, count: 100)).write(to: path)
        default: break
        }
        let error = #expect(throws: MediaError.self) { try ImageReader.read("file://" + path.path) }
        if kind == "missing" { #expect(error == .notFound) }
    }
}
