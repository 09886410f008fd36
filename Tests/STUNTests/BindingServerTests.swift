import STUN
import Testing
import Wire

/// A server as RFC 8489 and RFC 5780 want it.
@Suite struct BindingServerTests {
    private let addresses = (IPAddress("203.0.113.1")!, IPAddress("203.0.113.2")!)
    private let client = SocketAddress(ip: IPAddress("198.51.100.7")!, port: 5000)
    private var server: BindingServer { BindingServer(addresses: addresses, ports: (3478, 3479)) }

    private func request(_ build: (inout MessageBuilder) -> Void = { _ in }) -> [UInt8] {
        var builder = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 1, low: 2))
        build(&builder)
        return builder.finish(key: nil)
    }

    @Test func itTellsWhereTheRequestCameFromAndWhatElseItHas() throws {
        for (index, endpoint) in server.endpoints.enumerated() {
            let bytes = request()
            let answer = try server.answer(bytes.span.bytes, from: client, at: index)
            #expect(answer.endpoint == index && answer.destination == client)
            let message = try Message(parsing: answer.bytes.span.bytes)
            let seen = (message.xorMappedAddress, message.responseOrigin, message.otherAddress)
            #expect(seen.0 == client && seen.1 == endpoint)
            #expect(seen.2?.ip != endpoint.ip && seen.2?.port != endpoint.port)
            let isSealed = message.verifyFingerprint()
            #expect(isSealed)
        }
    }

    @Test func itAnswersFromWhereTheRequestWants() throws {
        for (change, endpoint) in [(ChangeRequest.port, 1), (.address, 2), ([.address, .port], 3)] {
            let bytes = request { $0.add(.changeRequest, change.rawValue) }
            let answer = try server.answer(bytes.span.bytes, from: client, at: 0)
            #expect(answer.endpoint == endpoint)
            let origin = try Message(parsing: answer.bytes.span.bytes).responseOrigin
            #expect(origin == server.endpoints[endpoint])
        }
        let bytes = request { $0.add(.responsePort, UInt32(7000) << 16) }
        let answer = try server.answer(bytes.span.bytes, from: client, at: 0)
        #expect(answer.destination == SocketAddress(ip: client.ip, port: 7000), "only the port is another")
    }

    @Test func whatItCannotDoIsRefusedByName() throws {
        let single = BindingServer(endpoints: [server.endpoints[0]])
        let change = request { $0.add(.changeRequest, UInt32(4)) }
        let unknown = request { $0.add(AttributeType(rawValue: 0x7001), UInt32(1)) }
        for (bytes, type) in [(change, UInt16(3)), (unknown, 0x7001)] {
            let answer = try single.answer(bytes.span.bytes, from: client, at: 0)
            let message = try Message(parsing: answer.bytes.span.bytes)
            let refusal = (message.errorCode, message.refusedAttributes)
            #expect(refusal.0 == .unknownAttribute && refusal.1 == [type])
        }
        let plain = request()
        let other = try Message(parsing: try single.answer(plain.span.bytes, from: client, at: 0).bytes.span.bytes)
        let hasOther = other.otherAddress != nil
        #expect(!hasOther)
    }

    @Test func whatIsNoRequestIsNotAnswered() {
        let cases: [([UInt8], DropReason)] = [
            ([], .stunMalformed),
            (MessageBuilder(MessageType(.success), transactionID: TransactionID(high: 1, low: 2)).finish(key: nil),
                .stunUnexpectedResponse),
            (MessageBuilder(MessageType(.indication), transactionID: TransactionID(high: 1, low: 2)).finish(key: nil),
                .stunUnexpectedResponse),
            (MessageBuilder(
                MessageType(.request, Method(rawValue: 3)), transactionID: TransactionID(high: 1, low: 2)
            ).finish(key: nil), .stunUnknownMethod),
            (request().dropLast() + [0xFF], .stunBadFingerprint),
        ]
        for (bytes, reason) in cases {
            #expect(throws: reason) { _ = try server.answer(bytes.span.bytes, from: client, at: 0) }
        }
    }
}
