import Testing
import Wire

@testable import Reactor

@Suite struct PipeTableTests {
    private func tuple(_ port: UInt16) -> Tuple {
        Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0x7F00_0001), port: port))
    }

    @Test func agreesWithADictionaryUnderRandomUse() {
        var random = SeededRandom(seed: 3)
        var table = PipeTable(capacity: 64)
        var model: [UInt32: Int32] = [:]
        for _ in 0..<50_000 {
            let ssrc = UInt32.random(in: 0..<200, using: &random) &* 0x0101_0101
            let slot = Int32.random(in: 0..<4, using: &random)
            if Bool.random(using: &random) {
                table.insert(ssrc, slot: slot)
                if model[ssrc] == nil, model.count < 64 { model[ssrc] = slot }
            } else {
                table.remove(ssrc, ownedBy: slot)
                if model[ssrc] == slot { model[ssrc] = nil }
            }
            #expect(table.slot(for: ssrc) == model[ssrc])
            #expect(table.count == model.count)
        }
        #expect(table.hasRoom(for: 64 - model.count) && !table.hasRoom(for: 65 - model.count))
    }

    @Test func aWayIsKnownAsLongAsAPipeTakesIt() {
        var table = PipeTable(capacity: 4)
        table.insert(7, slot: 1)
        for _ in 0..<2 {
            let isUsed = table.use(tuple(1))
            #expect(isUsed)
        }
        #expect(table.knows(tuple(1)) && !table.knows(tuple(2)))
        table.leave(tuple(1))
        #expect(table.knows(tuple(1)))
        table.leave(tuple(1))
        #expect(!table.knows(tuple(1)))
    }

    @Test func mediaAreFoundByTheirSender() {
        var table = PipeTable(capacity: 4)
        table.insert(0x0102_0304, slot: 3)
        let isUsed = table.use(tuple(1))
        #expect(isUsed)
        let rtp: [UInt8] = [0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]
        let rtcp: [UInt8] = [0x80, 200, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0]
        for bytes in [rtp, rtcp] {
            #expect(table.slot(ofMedia: bytes.span.bytes) == 3)
            #expect(table.slot(of: bytes.span.bytes, from: tuple(1)) == 3)
            #expect(table.slot(of: bytes.span.bytes, from: tuple(2)) == nil)
            for length in 0..<12 {
                let start = Array(bytes[..<length])
                #expect(table.slot(ofMedia: start.span.bytes) == nil)
            }
            var other = bytes
            other[0] = 0x16
            #expect(table.slot(ofMedia: other.span.bytes) == nil)
            other[0] = 0x80
            other[bytes == rtp ? 11 : 7] = 5
            #expect(table.slot(ofMedia: other.span.bytes) == nil)
        }
    }
}
