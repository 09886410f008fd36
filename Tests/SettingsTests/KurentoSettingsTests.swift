import Settings
import Testing

/// Kurento's own configuration file.
@Suite struct KurentoSettingsTests {
    private func kurento(_ text: String) throws(SettingsError) -> KurentoSettings {
        try KurentoSettings(json: text, file: "kurento.conf.json")
    }

    private func refusal(_ text: String) -> SettingsError? {
        do {
            _ = try kurento(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func commentsAreReadPast() throws {
        let settings = try kurento(
            """
            {
              // "mediaServer": 1,
              "mediaServer": {  // the one section
                "net": {"websocket": {"port": 9999, "path": "a//b"}}
              }
            }
            """)
        #expect(settings.port == 9999)
        #expect(settings.path == "a//b")
    }

    @Test func anEmptyFileSaysNothing() throws {
        let settings = try kurento("{}")
        #expect(settings.port == nil && settings.address == nil && settings.path == nil && settings.securePort == nil)
        #expect(settings.garbageCollectorPeriod == nil && !settings.disableRequestCache && settings.metadata.isEmpty)
    }

    @Test func numbersMayBeText() throws {
        let settings = try kurento(
            """
            {"mediaServer": {"resources": {"garbageCollectorPeriod": "60", "disableRequestCache": "true"},
              "net": {"websocket": {"port": "7777"}}}}
            """)
        #expect(settings.port == 7777)
        #expect(settings.garbageCollectorPeriod == 60)
        #expect(settings.disableRequestCache)
    }

    @Test func keysWithoutAMeaningHereAreLeftAlone() throws {
        let settings = try kurento(
            #"{"mediaServer": {"resources": {"exceptionLimit": "0.8"}, "net": {"websocket": {"threads": 10}}}}"#)
        #expect(settings.port == nil)
    }

    @Test func metadataIsKeptAsJSON() throws {
        #expect(try kurento(#"{"mediaServer": {"metadata": {"b": 1, "a": "x"}}}"#).metadata == #"{"a":"x","b":1}"#)
    }

    @Test func withoutASecurePortTLSIsOff() throws {
        var settings = ClusterSettings()
        try kurento(#"{"mediaServer": {"net": {"websocket": {"port": 9000, "address": "127.0.0.1", "path": "/k"}}}}"#)
            .apply(to: &settings, relativeTo: "/etc/kurento")
        #expect(settings.signaling.listen == [ListenAddress(host: "127.0.0.1", port: 9000)])
        #expect(settings.signaling.kurentoPath == "k")
        #expect(settings.tls.listen == [])
    }

    @Test func theSecureSectionTurnsTLSOn() throws {
        var settings = ClusterSettings()
        try kurento(
            """
            {"mediaServer": {"resources": {"garbageCollectorPeriod": 99}, "net": {"websocket": {"port": 8888,
              "secure": {"port": 8433, "certificate": "cert+key.pem", "password": "p"}}}}}
            """
        ).apply(to: &settings, relativeTo: "/etc/kurento")
        #expect(settings.tls.listen == [ListenAddress(host: "::", port: 8433)])
        #expect(settings.tls.certificate == .files(certificate: "/etc/kurento/cert+key.pem", key: nil))
        #expect(settings.tls.password == "p")
        #expect(settings.limits.sessionGarbagePeriod == 99)
    }

    @Test func anAbsoluteCertificateStaysWhereItIs() throws {
        var settings = ClusterSettings()
        try kurento(
            #"{"mediaServer": {"net": {"websocket": {"secure": {"port": 1, "certificate": "/etc/ssl/a.pem"}}}}}"#
        ).apply(to: &settings, relativeTo: "/etc/kurento")
        #expect(settings.tls.certificate == .files(certificate: "/etc/ssl/a.pem", key: nil))
    }

    @Test(arguments: [
        (#"{"mediaServer": 1}"#, "mediaServer", "must be an object"),
        (#"{"mediaServer": {"net": {"websocket": {"port": 70000}}}}"#, "mediaServer.net.websocket.port", "0 to 65535"),
        (#"{"mediaServer": {"net": {"websocket": {"port": "x"}}}}"#, "mediaServer.net.websocket.port", "`x`"),
        (#"{"mediaServer": {"net": {"websocket": {"path": 5}}}}"#, "mediaServer.net.websocket.path", "must be text"),
        (
            #"{"mediaServer": {"resources": {"disableRequestCache": 5}}}"#, "mediaServer.resources.disableRequestCache",
            "true nor false"
        ),
    ])
    func aWrongValueNamesItsKey(text: String, key: String, problem: String) throws {
        let error = try #require(refusal(text))
        #expect(error.file == "kurento.conf.json" && error.key == key)
        #expect(error.problem.contains(problem), "\(error)")
        #expect(!error.fix.isEmpty)
    }

    @Test func brokenJSONNamesTheLine() throws {
        let error = try #require(refusal("{\n  // fine\n  \"mediaServer\": {\n    \"net\": oops\n  }\n}\n"))
        #expect(error.line == 4, "\(error)")
        #expect(error.fix.contains("commas"))
    }
}
