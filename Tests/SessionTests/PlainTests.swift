import Foundation
import RTP
import Testing

@testable import Session

/// Endpoints of plain RTP in the session's specification, and their keys in commands.
struct PlainTests {
    private let id = EndpointID("rtp")
    private let media = NegotiatedMedia(
        mid: "0", kind: .video, direction: .recvonly, receive: RTPParameters(), send: RTPParameters())

    private func negotiated() throws -> NegotiatedPlain {
        let key = try #require(
            SessionKey(
                suite: .aes256CMSHA132, inline: (0..<46).map { UInt8($0) }, lifetime: 1 << 31, identifier: 1,
                identifierLength: 2))
        return NegotiatedPlain(sections: [
            NegotiatedPlain.Section(
                media: media, remote: "192.0.2.1:5004", controlRemote: nil, sharesPort: true, receiveKey: key)
        ])
    }

    @Test func aNegotiationComesBackFromItsText() throws {
        let negotiated = try negotiated()
        let text = try JSONEncoder().encode(Session.Operation.negotiatePlain(id, negotiated))
        #expect(try JSONDecoder().decode(Session.Operation.self, from: text) == .negotiatePlain(id, negotiated))
    }

    @Test func aKeyIsNotShown() throws {
        let negotiated = try negotiated()
        var dumped = ""
        dump(negotiated, to: &dumped)
        for text in ["\(negotiated)", String(reflecting: negotiated), dumped] {
            #expect(text.contains("(a key)") && !text.contains("45"), "\(text)")
        }
    }

    @Test func aKeyOfAnotherLengthIsNone() throws {
        #expect(SessionKey(suite: .aes128CMSHA180, inline: [1, 2, 3]) == nil)
        let text = #"{"suite":"AES_CM_128_HMAC_SHA1_80","inline":"0102","identifier":0,"identifierLength":0}"#
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(SessionKey.self, from: Data(text.utf8)) }
    }

    /// On another worker it would have other ports, and its keys must not serve two lives.
    @Test func aSpecificationKeepsTheMediaAndNoKey() throws {
        var specification = SessionSpecification()
        specification.apply(.openPlain(id, PlainSpecification()))
        specification.apply(.negotiatePlain(id, try negotiated()))
        #expect(specification.media(of: id) == [media] && specification.names == [id])
        let text = String(decoding: try JSONEncoder().encode(specification), as: UTF8.self)
        #expect(!text.contains("2a2b2c2d"), "the end of the key")
        #expect(specification.operations == [.openPlain(id, PlainSpecification())])
        specification.apply(.closeEndpoint(id))
        #expect(specification.names.isEmpty)
    }
}
