import Access
import Foundation
import Testing

private let secret = "0123456789abcdef0123456789abcdef"
private let grant = AccessGrant(room: "lobby", canPublish: true, canSubscribe: false, identity: "ada")

@Test func aTokenGivesBackWhatItWasMadeWith() async throws {
    let keys = try await AccessKeys(["web": secret, "other": secret + "x"])
    let token = try await keys.sign(grant, key: "web", lifetime: 60)
    #expect(try await keys.verify(token) == grant)
}

@Test func onlyATokenMadeForOperatorsIsOne() async throws {
    let keys = try await AccessKeys(["web": secret])
    var operators = AccessGrant(room: nil, canJoin: false, canPublish: false, canSubscribe: false)
    operators.isOperator = true
    let token = try await keys.sign(operators, key: "web", lifetime: 60)
    #expect(try await keys.verify(token) == operators)
    let usual = try await keys.verify(try await keys.sign(grant, key: "web", lifetime: 60))
    #expect(!usual.isOperator)
}

@Test func aTokenOfAnotherSecretIsRefused() async throws {
    let keys = try await AccessKeys(["web": secret])
    let stranger = try await AccessKeys(["web": "another-secret-another-secret-xx"])
    let token = try await stranger.sign(grant, key: "web", lifetime: 60)
    await #expect(throws: AccessError.badToken("its signature is wrong")) { try await keys.verify(token) }
}

@Test func aTokenSignedByOneKeyInTheNameOfAnotherIsRefused() async throws {
    let both = try await AccessKeys(["web": secret, "app": "a-second-secret-a-second-secret-"])
    let app = try await AccessKeys(["web": "a-second-secret-a-second-secret-"])
    let token = try await app.sign(grant, key: "web", lifetime: 60)
    await #expect(throws: AccessError.badToken("its signature is wrong")) { try await both.verify(token) }
}

@Test func aTokenIsRefusedBeforeAndAfterItsTime() async throws {
    let keys = try await AccessKeys(["web": secret])
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    let token = try await keys.sign(grant, key: "web", lifetime: 60, now: now)
    #expect(try await keys.verify(token, now: now + 59) == grant)
    await #expect(throws: AccessError.expired) { try await keys.verify(token, now: now + 71) }
    await #expect(throws: AccessError.tooEarly) { try await keys.verify(token, now: now - 11) }
    #expect(try await keys.verify(token, ignoringExpiry: true, now: now + 3600) == grant)
}

@Test(arguments: ["", "a.b.c", "....", "Bearer", String(repeating: "x", count: 20_000)])
func whatIsNoTokenIsRefused(_ text: String) async throws {
    let keys = try await AccessKeys(["web": secret])
    await #expect(throws: AccessError.self) { try await keys.verify(text) }
}

/// `alg` none, and an algorithm that we do not use, over claims that are otherwise right.
@Test(arguments: ["none", "HS512", "RS256"]) func theTokenDoesNotChooseItsCheck(_ algorithm: String) async throws {
    let keys = try await AccessKeys(["web": secret])
    let token = try await keys.sign(grant, key: "web", lifetime: 60)
    let parts = token.split(separator: ".")
    let header = Data(#"{"alg":"\#(algorithm)","typ":"JWT"}"#.utf8).base64EncodedString()
        .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    for signature in ["", String(parts[2])] {
        await #expect(throws: AccessError.badToken("it is not a JWT with claims of ours, signed with HS256")) {
            try await keys.verify("\(header).\(parts[1]).\(signature)")
        }
    }
}

/// Signed elsewhere. What LiveKit's libraries write has no `canPublish` when everything is allowed.
@Test func aTokenOfAnotherLibraryIsUnderstood() async throws {
    let keys = try await AccessKeys(["web": secret])
    let token = try await keys.verify(foreignToken, now: Date(timeIntervalSince1970: 1_800_000_000))
    #expect(token == AccessGrant(room: "lobby", canPublish: true, canSubscribe: true, identity: "bob"))
}

@Test func aShortSecretIsRefused() async {
    await #expect(throws: AccessError.badKey("web", "a secret has at least 32 bytes, this one 5")) {
        try await AccessKeys(["web": "short"])
    }
}

private let foreignToken = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ3ZWIiLCJzdWIiOiJib2IiLCJuYmYiOjE3OTk5OTk5O",
    "TAsImV4cCI6MTgwMDAwMDEwMCwidmlkZW8iOnsicm9vbUpvaW4iOnRydWUsInJvb20iOiJsb2JieSJ9fQ.6tL4KP3d",
    "S2c7NZBwpPylDE7BO6d5fZtVvZm4NVU2YDU",
].joined()
