import Testing
import Wire

@Suite struct AddressTests {
    @Test(arguments: [
        "192.0.2.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "::", "::1", "fe80::fc:ff:fe00:1",
        "2001:db8:0:1:1:1:1:1", "1:0:0:2::3",
    ])
    func canonicalTextSurvivesARoundTrip(_ text: String) {
        #expect(IPAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", ":", ":::", "1::2::3", "12345::",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "::1%lo", "example.org", "::+1", "1.2.3.4:80", "::1.2.3", "g::",
    ])
    func whatIsNoAddressIsRefused(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: ["192.0.2.1:1", "0.0.0.0:65535", "[2001:db8::1]:40000", "[::1]:80"])
    func anAddressWithAPortSurvivesARoundTrip(_ text: String) {
        #expect(SocketAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", ":", ":80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:+1", "192.0.2.1:-1",
        "192.0.2.1: 1", "::1:80", "[::1]", "[::1]80", "[::1:80", "::1]:80", "[192.0.2.1]:80", "[]:80", "example.org:80",
        "192.0.2.1:000000000000000000000000000000000000000000000080",
    ])
    func whatIsNoAddressWithAPortIsRefused(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test func mappedAddressesAreTheirIPv4Selves() {
        #expect(IPAddress("::ffff:127.0.0.1") == IPAddress("127.0.0.1"))
        #expect(IPAddress("::ffff:127.0.0.1")?.isLoopback == true)
        #expect(IPAddress("::ffff:a9fe:a9fe")?.isLinkLocal == true)
    }

    @Test func rangesAreKnown() {
        for text in ["10.1.2.3", "172.31.0.1", "192.168.9.9", "100.64.0.1", "fd00::2"] {
            #expect(IPAddress(text)?.isPrivate == true, "\(text)")
        }
        for text in ["9.255.255.255", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"] {
            #expect(IPAddress(text)?.isPrivate == false, "\(text)")
        }
        #expect(IPAddress("224.0.0.1")?.isMulticast == true)
        #expect(IPAddress("ff02::1")?.isMulticast == true)
        #expect(IPAddress("fe80::1")?.isLinkLocal == true)
    }

    @Test func anyTextEitherParsesToACanonicalFormOrNotAtAll() {
        var random = SeededRandom(seed: 11)
        let alphabet = Array("0123456789abcdef:.%+ ")
        for _ in 0..<20_000 {
            let text = String((0..<Int.random(in: 0...40, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
            if let ip = IPAddress(text) { #expect(IPAddress(ip.description) == ip) }
        }
    }
}
