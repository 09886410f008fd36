import Media
import Session
import Testing
import Wire

@testable import Elements

@Suite struct CompositeLayoutTests {
    private func ports(_ count: Int) -> [EndpointID] { (0..<count).map { EndpointID("p\($0)") } }

    @Test(arguments: [(1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 3, 2), (6, 3, 2), (7, 3, 3), (10, 4, 3)])
    func aGridHasAtMostAsManyRowsAsColumns(count: Int, columns: Int, rows: Int) {
        let layout = CompositeLayout.grid(ports(count), width: 800, height: 600)
        #expect(layout.cells.map(\.port) == ports(count))
        #expect(Set(layout.cells.map(\.x)).count == columns && Set(layout.cells.map(\.y)).count == rows)
        #expect(layout.cells.allSatisfy { abs($0.width - 800 / columns) <= 2 && abs($0.height - 600 / rows) <= 2 })
        #expect(layout.cells.allSatisfy { ($0.x | $0.y | $0.width | $0.height) & 1 == 0 })
        for (left, right) in zip(layout.cells, layout.cells.dropFirst()) {
            #expect(right.y > left.y || (right.y == left.y && right.x == left.x + left.width), "row by row, no overlap")
        }
        #expect(layout.cells.last.map { $0.y + $0.height } == 600)
    }

    @Test func whoHasNoRoomHasNoCell() {
        let crowded = CompositeLayout.grid(ports(400), width: 16, height: 16).cells
        #expect(crowded.count <= 64 && crowded.allSatisfy { $0.width >= 2 && $0.height >= 2 })
        #expect(CompositeLayout.grid([], width: 16, height: 16).cells.isEmpty)
    }

    private func place(_ port: Int, _ x: Double, _ depth: Int, width: Double = 0.5) -> BlendingArrangement.Place {
        BlendingArrangement.Place(port: EndpointID("p\(port)"), x: x, y: 0.25, width: width, height: 0.5, depth: depth)
    }

    @Test func whoIsNearerIsDrawnLater() {
        let arrangement = BlendingArrangement(
            master: EndpointID("p0"), masterDepth: 5, places: [place(1, 0.5, 9), place(2, 0, 1), place(3, 0, 5)])
        let layout = CompositeLayout.blending(arrangement, shown: Set(ports(4)), width: 100, height: 80)
        #expect(layout.cells.map(\.port.rawValue) == ["p2", "p0", "p3", "p1"])
        #expect(layout.cells.last == .init(port: EndpointID("p1"), x: 50, y: 20, width: 50, height: 40))
        #expect(layout.cells[1] == .init(port: EndpointID("p0"), x: 0, y: 0, width: 100, height: 80))
    }

    @Test func whatIsNotThereOrHasNoSizeIsNotDrawn() {
        let arrangement = BlendingArrangement(
            master: EndpointID("p0"), places: [place(1, 0, 1), place(2, 0, 1, width: 0), place(3, .infinity, 1)])
        let layout = CompositeLayout.blending(
            arrangement, shown: [EndpointID("p2"), EndpointID("p3")], width: 100, height: 80)
        #expect(layout.cells.map(\.port.rawValue) == ["p3"])
    }
}

@Suite struct CompositeCanvasTests {
    private let ada = EndpointID("ada")
    private let bob = EndpointID("bob")

    private func picture(_ luma: UInt8, width: Int = 64, height: Int = 48) throws -> VideoFrame {
        var picture = try VideoFrame(width: width, height: height)
        try picture.withMutableBytes(of: .y) { bytes in
            for index in 0..<bytes.byteCount { bytes.storeBytes(of: luma, toByteOffset: index, as: UInt8.self) }
        }
        return picture
    }

    private func shown(_ lumas: [(EndpointID, UInt8)], _ number: UInt64) throws -> [EndpointID: HubPicture] {
        var pictures: [EndpointID: HubPicture] = [:]
        for (port, luma) in lumas {
            pictures[port] = HubPicture(picture: try picture(luma), number: number + UInt64(luma), lateness: .zero, order: 0)
        }
        return pictures
    }

    private func decode(_ frames: [EncodedVideoFrame], with decoder: inout VideoDecoder) throws -> VideoFrame {
        let frame = try #require(frames.first)
        return try #require(
            try decoder.decode(frame.bytes, pts: .zero, isKeyFrame: frame.isKeyFrame).first)
    }

    @Test func cellsAreWhereTheyBelongAndChangeWithTheirPorts() throws {
        let canvas = try CompositeCanvas(frameRate: 15)
        var decoder = try VideoDecoder(.vp8)
        let layout = CompositeLayout.grid([ada, bob], width: 200, height: 100)
        try canvas.draw(layout, try shown([(ada, 80), (bob, 200)], 0))
        var seen = try decode(try canvas.encode(at: .zero), with: &decoder)
        #expect(seen.width == 200 && seen.height == 100)
        #expect(abs(Int(seen.sample(.y, x: 50, y: 50)) - 80) < 8 && abs(Int(seen.sample(.y, x: 150, y: 50)) - 200) < 8)
        // One has another picture, the other none: what was last stays.
        try canvas.draw(layout, try shown([(ada, 140)], 1000))
        for step in 1...5 { seen = try decode(try canvas.encode(at: .milliseconds(Int64(step) * 66)), with: &decoder) }
        #expect(abs(Int(seen.sample(.y, x: 50, y: 50)) - 140) < 8 && abs(Int(seen.sample(.y, x: 150, y: 50)) - 200) < 8)
        // Alone, it has it all.
        try canvas.draw(.grid([bob], width: 200, height: 100), try shown([(bob, 200)], 0))
        for step in 6...9 { seen = try decode(try canvas.encode(at: .milliseconds(Int64(step) * 66)), with: &decoder) }
        #expect(abs(Int(seen.sample(.y, x: 50, y: 50)) - 200) < 8)
    }

    @Test func whatLiesOutsideIsLeftOut() throws {
        var canvas = try VideoFrame(width: 40, height: 40)
        for (x, y) in [(-10, -10), (30, 30), (100, 100), (-100, 0)] {
            try canvas.copy(try picture(200, width: 20, height: 20), x: x, y: y)
        }
        #expect(canvas.sample(.y, x: 9, y: 9) == 200 && canvas.sample(.y, x: 10, y: 10) == 16)
        #expect(canvas.sample(.y, x: 29, y: 29) == 16 && canvas.sample(.y, x: 30, y: 30) == 200)
        #expect(canvas.sample(.y, x: 9, y: 10) == 16 && canvas.sample(.y, x: 39, y: 39) == 200)
    }

    @Test func copyingLeavesOtherCopiesAlone() throws {
        var canvas = try VideoFrame(width: 40, height: 40)
        let before = canvas
        try canvas.copy(try picture(200, width: 20, height: 20), x: 0, y: 0)
        #expect(before.sample(.y, x: 5, y: 5) == 16 && canvas.sample(.y, x: 5, y: 5) == 200)
    }

    @Test func aKeyFrameComesWhenItIsAskedFor() throws {
        let canvas = try CompositeCanvas(frameRate: 15)
        try canvas.draw(.grid([ada], width: 64, height: 48), try shown([(ada, 80)], 0))
        #expect(try canvas.encode(at: .zero).first?.isKeyFrame == true)
        #expect(try canvas.encode(at: .milliseconds(66)).first?.isKeyFrame == false)
        canvas.requestKeyFrame()
        #expect(try canvas.encode(at: .milliseconds(132)).first?.isKeyFrame == true)
    }
}
