import Foundation
import Session
import Testing

@testable import Elements

@Suite struct ResourcePolicyTests {
    private let root: String
    private let policy: ResourcePolicy

    init() throws {
        let directory = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("apus-policy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        root = directory.path
        policy = ResourcePolicy(roots: [root])
    }

    @Test func aFileBelowARootIsAllowedWhetherItIsThereOrNot() throws {
        #expect(try policy.location("file://\(root)/a/b.webm") == "file://\(root)/a/b.webm")
        #expect(try policy.location("file:\(root)/b%20c.webm") == "file://\(root)/b%20c.webm")
    }

    @Test func aNameWithoutDirectoryLiesInTheFirstRoot() throws {
        #expect(try policy.location("call.webm") == "file://\(root)/call.webm")
    }

    @Test(arguments: ["file:///etc/passwd", "file:///", "/etc/passwd", "file://otherhost/tmp/x"])
    func whatLiesElsewhereIsForbidden(uri: String) {
        #expect(throws: ElementFailure.self) { try policy.location(uri) }
    }

    @Test func dotsDoNotLeadOut() {
        for path in ["\(root)/../x.webm", "\(root)/a/../../x", "../x", "%2e%2e/x"] {
            #expect(throws: ElementFailure.self) { try policy.location("file://" + path) }
            #expect(throws: ElementFailure.self) { try policy.location(path) }
        }
    }

    @Test func aLinkDoesNotLeadOut() throws {
        try FileManager.default.createSymbolicLink(atPath: root + "/out", withDestinationPath: "/etc")
        #expect(throws: ElementFailure.self) { try policy.location("file://\(root)/out/passwd") }
    }

    @Test func aNeighbourWhoseNameBeginsAlikeIsNotBelow() {
        #expect(throws: ElementFailure.self) { try policy.location("file://\(root)-other/x.webm") }
    }

    @Test func withoutRootsThereAreNoFiles() {
        #expect(throws: ElementFailure.self) { try ResourcePolicy().location("file:///tmp/x.webm") }
    }

    @Test(arguments: [
        "http://127.0.0.1/x.webm", "http://localhost:8080/x", "http://[::1]/x", "http://10.1.2.3/x",
        "http://169.254.169.254/latest", "rtsp://192.168.1.4/camera", "http://user@127.0.0.1/x",
        "http://[::ffff:10.0.0.1]/",
    ])
    func serversOfPrivateNetworksAreForbiddenUnlessAllowed(uri: String) throws {
        #expect(throws: ElementFailure.self) { try policy.location(uri) }
        let open = ResourcePolicy(roots: [root], allowsPrivateAddresses: true)
        #expect(try open.location(uri) == uri)
    }

    @Test func aServerOfTheInternetIsAllowed() throws {
        #expect(try policy.location("https://198.51.100.7/x.mp4") == "https://198.51.100.7/x.mp4")
    }

    @Test(arguments: ["ftp://198.51.100.7/x", "concat:a|b", "data:text/plain,x", "http://", "pipe:0", "file://x\n/y"])
    func otherSchemesAreRefused(uri: String) {
        #expect(throws: ElementFailure.self) { try policy.location(uri) }
    }
}
