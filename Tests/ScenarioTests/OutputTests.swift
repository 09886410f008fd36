import Foundation
import ScenarioRunner
import Simulator
import Testing
import Wire

@Suite struct OutputTests {
    private static func report(_ file: String = "two-symmetric-nats", seed: UInt64 = 1) throws -> RunReport {
        var options = ScenarioRun.Options()
        options.keepsEntries = true
        let scenario = try Scenario(yaml: ScenarioFileTests.text("Simulations/Scenarios/\(file).yaml"))
        return try ScenarioRun(scenario, seed: seed, options: options).run()
    }

    /// A pcapng file taken apart again, by the specification and not by the writer.
    private struct Capture {
        struct Packet {
            var interface: Int
            var nanoseconds: UInt64
            var bytes: [UInt8]
            var comment = ""
            var flags: UInt32 = 0
        }

        var interfaces: [String] = []
        var resolutions: [UInt8] = []
        var packets: [Packet] = []
        var secrets: [(type: UInt32, text: String)] = []

        init(_ bytes: [UInt8]) throws {
            func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * $1) } }
            func half(_ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
            func options(_ from: Int, _ end: Int) -> [(Int, [UInt8])] {
                var offset = from
                var found: [(Int, [UInt8])] = []
                while offset + 4 <= end, half(offset) != 0 {
                    let length = half(offset + 2)
                    found.append((half(offset), Array(bytes[(offset + 4)..<(offset + 4 + length)])))
                    offset += 4 + (length + 3) / 4 * 4
                }
                return found
            }
            var offset = 0
            while offset < bytes.count {
                let length = Int(word(offset + 4))
                try #require(length >= 12 && length % 4 == 0 && offset + length <= bytes.count)
                try #require(Int(word(offset + length - 4)) == length, "the length stands at both ends")
                let body = offset + 8
                let end = offset + length - 4
                switch word(offset) {
                case 0x0A0D_0D0A: try #require(offset == 0 && word(body) == 0x1A2B_3C4D && half(body + 4) == 1)
                case 1:
                    try #require(half(body) == 101)
                    for (code, value) in options(body + 8, end) {
                        if code == 2 { interfaces.append(String(decoding: value, as: UTF8.self)) }
                        if code == 9 { resolutions.append(value[0]) }
                    }
                case 6:
                    let captured = Int(word(body + 12))
                    try #require(word(body + 12) == word(body + 16))
                    let data = Array(bytes[(body + 20)..<(body + 20 + captured)])
                    var packet = Packet(
                        interface: Int(word(body)),
                        nanoseconds: UInt64(word(body + 4)) << 32 | UInt64(word(body + 8)), bytes: data)
                    for (code, value) in options(body + 20 + (captured + 3) / 4 * 4, end) {
                        if code == 1 { packet.comment = String(decoding: value, as: UTF8.self) }
                        if code == 2 { packet.flags = value.enumerated().reduce(0) { $0 | UInt32($1.1) << (8 * $1.0) } }
                    }
                    packets.append(packet)
                case 10:
                    let count = Int(word(body + 4))
                    secrets.append((word(body), String(decoding: bytes[(body + 8)..<(body + 8 + count)], as: UTF8.self)))
                    try #require(packets.isEmpty, "keys stand before what they open")
                default: Issue.record("a block of type \(word(offset))")
                }
                offset += length
            }
        }
    }

    /// One's complement sum; 0xFFFF over data with a right checksum.
    private func sum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte) }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        return sum
    }

    @Test func aCaptureHoldsEveryPacketWithRightHeaders() throws {
        let report = try Self.report()
        let capture = try Capture(PcapFile(report).bytes)
        #expect(capture.interfaces == ["alice", "bob", "stun-host"])
        #expect(capture.resolutions == [9, 9, 9])
        let entries = report.entries.filter { $0.kind == .sent || $0.kind == .delivered }
        try #require(capture.packets.count == entries.count && entries.count > 20)
        for (packet, entry) in zip(capture.packets, entries) {
            let datagram = try #require(entry.datagram)
            #expect(packet.interface == entry.host && packet.nanoseconds == entry.time.nanoseconds)
            #expect(packet.flags == (entry.kind == .sent ? 2 : 1))
            let bytes = packet.bytes
            #expect(bytes[0] == 0x45 && bytes[9] == 17 && sum(Array(bytes[..<20])) == 0xFFFF)
            #expect(Int(bytes[2]) << 8 | Int(bytes[3]) == bytes.count)
            #expect(bytes[12..<16].map(String.init).joined(separator: ".") == datagram.source.ip.description)
            #expect(bytes[16..<20].map(String.init).joined(separator: ".") == datagram.destination.ip.description)
            #expect(UInt16(bytes[20]) << 8 | UInt16(bytes[21]) == datagram.source.port)
            #expect(UInt16(bytes[22]) << 8 | UInt16(bytes[23]) == datagram.destination.port)
            let length = [bytes[24], bytes[25]]
            #expect(sum(Array(bytes[12..<20]) + [0, 17] + length + Array(bytes[20...])) == 0xFFFF)
            #expect(Array(bytes[28...]) == datagram.payload)
        }
        let dropped = report.entries.filter { $0.kind == .dropped }.count
        let noted = capture.packets.filter { $0.comment.contains("dropped at") }
        #expect(dropped > 0 && noted.count == dropped)
        #expect(noted.allSatisfy { $0.flags == 2 })
        #expect(noted.contains { $0.comment.contains("dropped at mobile: NAT: ") })
    }

    @Test func aCaptureOfIPv6AndWithKeysIsRightToo() throws {
        var scenario = Scenario()
        scenario.title = "IPv6"
        scenario.duration = .seconds(5)
        for (index, name) in ["a", "b"].enumerated() {
            var host = HostDevice()
            host.name = name
            host.addresses = [try #require(IPAddress("2001:db8::\(index + 1)"))]
            scenario.network.hosts.append(host)
        }
        var call = Call()
        call.name = "c"
        call.from.host = "a"
        call.to.host = "b"
        scenario.calls = [call]
        var options = ScenarioRun.Options()
        options.keepsEntries = true
        let report = try ScenarioRun(scenario, options: options).run()
        #expect(report.calls[0].connectTime != nil && report.isGood)
        let keys = ["CLIENT_RANDOM 00 11", "CLIENT_RANDOM 22 33"]
        let capture = try Capture(PcapFile(report, keyLog: keys).bytes)
        #expect(capture.secrets.count == 1 && capture.secrets[0].type == 0x544C_534B)
        #expect(capture.secrets[0].text == keys.joined(separator: "\n") + "\n")
        try #require(capture.packets.count > 4)
        for packet in capture.packets {
            let bytes = packet.bytes
            #expect(bytes[0] == 0x60 && bytes[6] == 17 && Int(bytes[4]) << 8 | Int(bytes[5]) == bytes.count - 40)
            #expect(sum(Array(bytes[8..<40]) + [0, 0, bytes[4], bytes[5], 0, 0, 0, 17] + Array(bytes[40...])) == 0xFFFF)
        }
    }

    @Test(arguments: ["two-symmetric-nats", "carrier-grade-nat", "lossy-wifi"])
    func aPageNeedsNothingButItself(_ file: String) throws {
        let html = Page(try Self.report(file)).html()
        for word in ["<script", "http:", "https:", "src=", "href=", "@import", "url("] {
            #expect(!html.contains(word), "\(word)")
        }
        for tag in ["svg", "table", "section", "div", "h2", "text", "p"] {
            let opened = html.ranges(of: "<\(tag)>").count + html.ranges(of: "<\(tag) ").count
            #expect(opened == html.ranges(of: "</\(tag)>").count, "\(tag)")
        }
        #expect(html.contains("Binding request") && html.contains("prefers-color-scheme: dark"))
        #expect(html.utf8.count < 400_000)
    }

    @Test func everyTextOfAPageIsEscaped() throws {
        var scenario = try Scenario(yaml: ScenarioFileTests.text("Simulations/Scenarios/nat-rebinding.yaml"))
        scenario.title = "<img onerror=x> & \"more\""
        scenario.description = "</main><b>'"
        var options = ScenarioRun.Options()
        options.keepsEntries = true
        let html = Page(try ScenarioRun(scenario, options: options).run()).html()
        #expect(!html.contains("<img") && !html.contains("</main><b>"))
        #expect(html.contains("&lt;img onerror=x&gt; &amp; &quot;more&quot;"))
    }

    @Test func aLongLadderIsCutAndSaysSo() throws {
        let html = Page(try Self.report("peer-reflexive-trap")).html()
        #expect(html.contains("later messages are left out"))
        #expect(html.contains("Binding request") && html.contains("Binding success"))
    }

    @Test func theWordsTellWhatHappened() throws {
        let text = RunText.render(try Self.report("nat-rebinding"))
        #expect(text.contains("call: browser and server connected"))
        #expect(text.contains("at 12 s: nat rebinding at home"))
        #expect(text.contains("yes  call: both sides hear each other within 13 s after 12 s"))
        #expect(RunText.render(try Self.report()).contains("did not connect"))
    }
}
