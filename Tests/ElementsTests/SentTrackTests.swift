import Payload
import RTP
import Reactor
import Testing
import Wire

@testable import Elements

@Suite struct SentTrackTests {
    private let begin = Instant.origin + .seconds(50)

    private func track(_ format: PayloadFormat) -> SentTrack {
        var random = SeededRandom(seed: 3)
        return SentTrack(format, payloadType: 96, cname: "c", now: begin, random: &random)
    }

    private func headers(_ batch: PacketBatch) throws -> [RTPHeader] {
        var headers: [RTPHeader] = []
        batch.forEach { if let header = try? RTPHeader(parsing: $0) { headers.append(header) } }
        try #require(headers.count == batch.count)
        return headers
    }

    /// VP8's frame tag and start code, of a key frame.
    private func picture(_ bytes: Int) -> [UInt8] {
        [0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00] + [UInt8](repeating: 7, count: bytes)
    }

    @Test func aFramesPacketsShareATimestampAndTheLastIsMarked() throws {
        var track = track(.vp8)
        var batch = PacketBatch()
        track.send(picture(5000), at: begin, into: &batch)
        let headers = try headers(batch)
        #expect(headers.count == 5)
        #expect(Set(headers.map(\.timestamp)).count == 1)
        #expect(headers.map(\.marker) == [false, false, false, false, true])
        #expect(Set(headers.map(\.ssrc)) == [track.ssrc])
        for (first, second) in zip(headers, headers.dropFirst()) {
            #expect(second.sequenceNumber == first.sequenceNumber.advanced(by: 1))
        }
    }

    @Test(arguments: [(PayloadFormat.vp8, UInt32(90_000)), (.opus, 48_000)])
    func timestampsFollowTheClockOfTheHost(format: PayloadFormat, rate: UInt32) throws {
        var track = track(format)
        var batch = PacketBatch()
        let frame = format == .vp8 ? picture(20) : [0x78, 1, 2, 3]
        for seconds in [0, 1, 3] { track.send(frame, at: begin + .seconds(Int64(seconds)), into: &batch) }
        let times = try headers(batch).map(\.timestamp)
        #expect(times[1] &- times[0] == rate)
        #expect(times[2] &- times[0] == 3 * rate)
    }

    @Test func reportsSayWhichMomentATimestampIs() throws {
        var track = track(.opus)
        var batch = PacketBatch()
        track.report(now: begin, unixOffset: .zero, into: &batch)
        #expect(batch.isEmpty, "nothing was sent yet")
        track.send([0x78, 1, 2, 3], at: begin, into: &batch)
        let first = try headers(batch)[0].timestamp
        for milliseconds in [500, 900, 1000, 1400, 1600] {
            batch.removeAll()
            track.report(now: begin + .milliseconds(Int64(milliseconds)), unixOffset: .seconds(7), into: &batch)
            #expect(batch.isEmpty == [900, 1000, 1400].contains(milliseconds), "at \(milliseconds)")
            guard !batch.isEmpty else { continue }
            batch.forEach { packet in
                guard var compound = try? CompoundPacket(packet), case .senderReport(let report)? = try? compound.next()
                else {
                    Issue.record("no sender report")
                    return
                }
                #expect(report.rtpTimestamp &- first == UInt32(milliseconds) * 48)
                let now = begin + .milliseconds(Int64(milliseconds))
                #expect(report.ntp == NTPTimestamp(now, unixOffset: .seconds(7)))
                #expect(report.packetCount == 1 && report.octetCount == 4)
            }
        }
    }

    @Test func whatIsNoFrameIsNotSent() {
        var track = track(.vp8)
        var batch = PacketBatch()
        track.send([], at: begin, into: &batch)
        #expect(batch.isEmpty)
    }
}
