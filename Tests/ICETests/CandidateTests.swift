import ICE
import Testing
import Wire

struct CandidateTests {
    @Test func browserFormsAreRead() throws {
        let chrome = try Candidate(
            sdp: "candidate:842163049 1 udp 1677729535 198.51.100.3 53190 typ srflx raddr 10.0.0.2 rport 53190 "
                + "generation 0 ufrag EsAw network-id 1 network-cost 10")
        #expect(chrome.kind == .serverReflexive)
        #expect(chrome.foundation == "842163049")
        #expect(chrome.priority == 1_677_729_535)
        #expect(chrome.address == address("198.51.100.3", 53190))
        #expect(chrome.related == address("10.0.0.2", 53190))
        #expect(chrome.usernameFragment == "EsAw")
        let firefox = try Candidate(sdp: "a=candidate:0 1 UDP 2122252543 192.168.1.5 49203 typ host\r\n")
        #expect(firefox.kind == .host && firefox.related == nil && firefox.usernameFragment == nil)
        let six = try Candidate(sdp: "candidate:1 1 udp 2122262783 2001:db8::2 5000 typ host generation 0")
        #expect(six.address == address("2001:db8::2", 5000))
        let relay = try Candidate(
            sdp: "candidate:3 1 udp 41885695 192.0.2.9 61000 typ relay raddr 0.0.0.0 rport 0 generation 0")
        #expect(relay.kind == .relayed && relay.related == nil)
        #expect(try Candidate(sdp: "candidate:+/a 1 udp 1 192.0.2.9 1 typ prflx").kind == .peerReflexive)
    }

    @Test func writtenLinesReadBack() throws {
        let host = Candidate.host(address: address("192.0.2.1", 40000), socket: 0)
        #expect(host.sdp == "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host")
        var full = Candidate(
            kind: .serverReflexive, foundation: "x", priority: 7, address: address("2001:db8::1", 9),
            related: address("192.0.2.77", 8), usernameFragment: "frag")
        #expect(try Candidate(sdp: full.sdp) == full)
        full.related = nil
        #expect(try Candidate(sdp: "a=" + full.sdp) == full)
    }

    @Test(arguments: [
        ("candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host", CandidateError.unsupportedTransport),
        ("candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype so", .unsupportedTransport),
        ("candidate:1 1 udp 1518280447 192.0.2.1 9 typ host tcptype passive", .unsupportedTransport),
        ("candidate:1 1 sctp 1518280447 192.0.2.1 9 typ host", .unsupportedTransport),
        ("candidate:1 2 udp 1518280447 192.0.2.1 9 typ host", .unsupportedComponent),
        ("candidate:1 1 udp 1 3b8e1f60-1d5c-4e0b-9cde-1c8e3f9b2a11.local 9 typ host", .mdnsName),
        ("candidate:1 1 udp 1 internal.example.org 9 typ host", .unresolvedName),
        ("candidate:1 1 udp 1 127.1 9 typ host", .unresolvedName),
        ("candidate:1 1 udp 1 fe80::1%eth0 9 typ host", .unresolvedName),
        ("candidate:1 1 udp 1 0.0.0.0 9 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 :: 9 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 224.0.0.251 5353 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 ff02::fb 5353 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 255.255.255.255 9 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 169.254.169.254 80 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 ::ffff:169.254.169.254 80 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 fd00:ec2::254 80 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 192.0.2.1 0 typ host", .disallowedAddress),
        ("candidate:1 1 udp 1 192.0.2.1 65536 typ host", .malformed),
        ("candidate:1 1 udp 4294967296 192.0.2.1 9 typ host", .malformed),
        ("candidate:1 1 udp 99999999999999999999 192.0.2.1 9 typ host", .malformed),
        ("candidate:1 0 udp 1 192.0.2.1 9 typ host", .malformed),
        ("candidate:1 1 udp -1 192.0.2.1 9 typ host", .malformed),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ other", .malformed),
        ("candidate:1 1 udp 1 192.0.2.1 9 host", .malformed),
        ("candidate:1 1 udp", .malformed),
        ("candidate: 1 1 udp 1 192.0.2.1 9 typ host", .malformed),
        ("candidate:é 1 udp 1 192.0.2.1 9 typ host", .malformed),
        ("candidate:0123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host", .malformed),
        ("v=0", .malformed),
    ]) func uselessLinesAreRefusedWithAReason(line: String, reason: CandidateError) {
        #expect(throws: reason) { try Candidate(sdp: line) }
        var net = Network(seed: 1, .init(tellsServer: false))
        #expect(net.server.addRemoteCandidate(line, now: net.now) == .ignored(reason))
        #expect(net.server.ignoredCandidates == 1)
    }

    @Test func longLinesAreRefused() {
        let line = "candidate:1 1 udp 1 192.0.2.1 9 typ host"
        #expect(throws: CandidateError.tooLong) {
            try Candidate(sdp: line + String(repeating: " x", count: 100))
        }
        #expect(throws: CandidateError.tooLong) {
            try Candidate(sdp: line + " x " + String(repeating: "y", count: 5000))
        }
    }

    @Test(arguments: ["", " ", "\r\n", "a=end-of-candidates", "end-of-candidates"])
    func endOfCandidatesIsUnderstood(line: String) {
        var net = Network(seed: 1)
        #expect(net.server.addRemoteCandidate(line, now: net.now) == .endOfCandidates)
        #expect(net.server.hasAllRemoteCandidates)
    }

    @Test func loopbackPairsOnlyWithLoopback() {
        let line = "candidate:1 1 udp 1 127.0.0.1 6379 typ host"
        var open = Network(seed: 1, .init(tellsServer: false))
        #expect(open.server.addRemoteCandidate(line, now: open.now) == .ignored(.disallowedAddress))
        var local = Network(seed: 1, .init(serverSockets: [address("127.0.0.1", 40000)], tellsServer: false))
        #expect(local.server.addRemoteCandidate(line, now: local.now) == .added)
    }

    @Test func prioritiesFollowTheFormula() {
        #expect(Candidate.priority(of: .host, rank: 0) == 2_130_706_431)
        #expect(Candidate.priority(of: .host, rank: 1) < Candidate.priority(of: .host, rank: 0))
        #expect(Candidate.priority(of: .host, rank: 255) > Candidate.priority(of: .peerReflexive, rank: 0))
        #expect(Candidate.priority(of: .peerReflexive, rank: 0) > Candidate.priority(of: .serverReflexive, rank: 0))
    }

    @Test func credentialsAreWellFormed() {
        var random = SeededRandom(seed: 3)
        #expect(Credentials(random: &random).isWellFormed)
        #expect(Credentials(random: &random) != Credentials(random: &random))
        #expect(!Credentials(ufrag: "abc", password: String(repeating: "a", count: 22)).isWellFormed)
        #expect(!Credentials(ufrag: "abcd", password: "short").isWellFormed)
        #expect(!Credentials(ufrag: "ab:d", password: String(repeating: "a", count: 22)).isWellFormed)
    }
}
