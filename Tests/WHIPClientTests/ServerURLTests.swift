import Testing

@testable import WHIPClient

struct ServerURLTests {
    @Test func urlsOfServersAreRead() throws {
        let plain = try #require(ServerURL("http://127.0.0.1:8888"))
        #expect(!plain.isSecure && plain.host == "127.0.0.1" && plain.port == 8888)
        let secure = try #require(ServerURL("HTTPS://media.example/"))
        #expect(secure.isSecure && secure.host == "media.example" && secure.port == 443)
        let six = try #require(ServerURL("http://[::1]:80"))
        #expect(six.host == "::1" && six.port == 80 && six.description == "http://[::1]:80")
    }

    @Test func whatIsNoServerIsRefused() {
        for text in [
            "", "127.0.0.1:8888", "ws://a:1", "http://", "http://a:0", "http://a:65536", "http://a:x", "http://a/path",
            "http://user@a", "http://[::1", "http://[::1]x", "http://a?x",
        ] {
            #expect(ServerURL(text) == nil, "\(text)")
        }
    }

    @Test func aLocationLeadsToAPathOnTheSameServerOnly() throws {
        let server = try #require(ServerURL("http://a:8888"))
        #expect(server.path(of: "/whip/r/1") == "/whip/r/1")
        #expect(server.path(of: "http://a:8888/whip/r/1") == "/whip/r/1")
        #expect(server.path(of: "http://b:8888/whip/r/1") == nil && server.path(of: "//b/whip") == nil)
        #expect(server.path(of: "whip/1") == nil && server.path(of: "") == nil)
    }

    @Test func roomsAreEscaped() {
        #expect(WHIPSignaling.percentEncoded("a-Z_0.~") == "a-Z_0.~")
        #expect(WHIPSignaling.percentEncoded("a/ü b?") == "a%2F%C3%BC%20b%3F")
    }
}
