import STUN
import Testing
import Wire

struct MessageTests {
    @Test func everyTypeSurvivesTheWire() {
        for method in UInt16(0)...0x0FFF {
            for messageClass in [MessageClass.request, .indication, .success, .error] {
                let type = MessageType(messageClass, Method(rawValue: method))
                #expect(MessageType(wire: type.wire) == type)
            }
        }
        #expect(MessageType(.success).wire == 0x0101)
        #expect(MessageType(.error).wire == 0x0111)
        #expect(MessageType(wire: 0x8001) == nil)
    }

    @Test func builtMessagesReadBack() throws {
        let parsed = try parse(check())
        #expect(parsed.username == "server:client")
        #expect(parsed.controlling == 7)
        #expect(parsed.useCandidate)
        #expect(parsed.fingerprint)
        #expect(verifies(check(), password))
        for mapped in [address("203.0.113.9", 1), address("2001:db8::1", 65535)] {
            var builder = MessageBuilder(MessageType(.success), transactionID: id)
            builder.addXORMappedAddress(mapped)
            #expect(try parse(builder.finish(key: password)).mapped == mapped)
        }
        var error = MessageBuilder(MessageType(.error), transactionID: id)
        error.addErrorCode(.unknownAttribute)
        error.addUnknownAttributes([0x7001, 0x0002, 0x0003])
        let refused = try parse(error.finish(key: password))
        #expect(refused.errorCode == .unknownAttribute)
        #expect(refused.refused == [0x7001, 2, 3])
    }

    @Test func wrongKeyDoesNotVerify() {
        #expect(!verifies(check(), Array("another".utf8)))
        #expect(!verifies(check(), []))
    }

    @Test func everyTruncationIsRefused() {
        let whole = check()
        for count in 0..<whole.count {
            #expect(throws: ParseError.self) { try parse(Array(whole[..<count])) }
            #expect(ufrag(Array(whole[..<count])) == nil)
        }
        #expect(throws: ParseError.badLength) { try parse(whole + [0, 0, 0, 0]) }
    }

    @Test func lyingLengthsAreRefusedAndNeverReadPastTheEnd() {
        let whole = check()
        for offset in [2, 22, 26 + 13 + 3, whole.count - 6] {
            for lie in [0xFFFF, 0xFFFC, 0x8000, whole.count] {
                var changed = whole
                changed[offset] = UInt8(lie >> 8)
                changed[offset + 1] = UInt8(lie & 0xFF)
                _ = try? parse(changed)
                _ = verifies(changed, password)
                _ = ufrag(changed)
            }
        }
        var overrun = whole
        overrun[22] = 0xFF
        #expect(throws: ParseError.badLength) { try parse(overrun) }
        #expect(ufrag(overrun) == nil)
    }

    @Test func wrongCookieOrTopBitsAreRefused() {
        var cookie = check()
        cookie[4] ^= 1
        #expect(throws: ParseError.badHeader) { try parse(cookie) }
        var bits = check()
        bits[0] |= 0x80
        #expect(throws: ParseError.badHeader) { try parse(bits) }
    }

    @Test func attributesAfterIntegrityDoNotCount() throws {
        // A check without USE-CANDIDATE, then USE-CANDIDATE and an unknown one appended by a stranger.
        var builder = MessageBuilder(MessageType(.request), transactionID: id)
        builder.addUsername("server:client")
        var bytes = builder.finish(key: password, fingerprint: false)
        bytes += hex("00250000 7fff0000")
        bytes[3] += 8
        bytes[3] += 8
        let checksum = Fingerprint.value(of: bytes.span.bytes, count: bytes.count)
        bytes += hex("80280004") + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (24 - 8 * UInt32($0))) }
        let parsed = try parse(bytes)
        #expect(!parsed.useCandidate)
        #expect(parsed.unknown.isEmpty)
        #expect(parsed.fingerprint)
        #expect(verifies(bytes, password))
    }

    @Test func theFirstOfRepeatedAttributesCounts() throws {
        let parsed = try parse(check { $0.addUsername("stranger:client") })
        #expect(parsed.username == "server:client")
        #expect(ufrag(check { $0.addUsername("stranger:client") }) == UfragKey("server"))
    }

    @Test func secondIntegrityDoesNotReplaceTheFirst() {
        var twice = check()
        twice.removeLast(8)
        twice += hex("00080014") + [UInt8](repeating: 0, count: 20)
        twice[3] = UInt8(twice.count - 20)
        #expect(verifies(twice, password))
    }

    @Test func somethingAfterTheFingerprintIsRefused() {
        var bytes = check() + hex("80220000")
        bytes[3] += 4
        #expect(throws: ParseError.badLength) { try parse(bytes) }
    }

    @Test func unknownComprehensionRequiredAttributesAreListed() throws {
        let bytes = check { builder in
            for type in UInt16(0x7001)...0x7020 { builder.add(AttributeType(rawValue: type)) }
            builder.add(AttributeType(rawValue: 0x7001))
            builder.add(AttributeType(rawValue: 0xC057), [0, 1])
        }
        #expect(try parse(bytes).unknown == Array(0x7001...0x7008))
        #expect(try parse(check { $0.add(AttributeType(rawValue: 0xC057), [0, 1]) }).unknown.isEmpty)
    }

    @Test func attributeFloodIsBounded() {
        let bytes = check { builder in
            for _ in 0..<100 { builder.add(AttributeType(rawValue: 0xC000)) }
        }
        #expect(throws: ParseError.overLimit) { try parse(bytes) }
    }

    @Test func oddAddressesAndErrorsAreAbsent() throws {
        for value in ["", "0001", "0003a147e112a643", "0002a147e112a643", "0001a147e112a64300000000"] {
            var builder = MessageBuilder(MessageType(.success), transactionID: id)
            builder.add(.xorMappedAddress, hex(value))
            builder.add(.errorCode, hex("00000763"))
            builder.add(.priority, [1, 2, 3])
            builder.add(.iceControlled, UInt32(1))
            builder.add(.username, [0xFF, 0xFE])
            let parsed = try parse(builder.finish(key: nil))
            #expect(parsed.mapped == nil && parsed.errorCode == nil && parsed.priority == nil)
            #expect(parsed.controlled == nil && parsed.username == nil)
        }
    }

    @Test func ufragKeysAreExact() {
        #expect(UfragKey("abcd") == UfragKey("abcd"))
        #expect(UfragKey("abcd") != UfragKey("abcde"))
        #expect(UfragKey("abcd") != UfragKey("abcd\0"))
        #expect(UfragKey("") == nil)
        #expect(UfragKey(String(repeating: "x", count: 32)) != nil)
        #expect(UfragKey(String(repeating: "x", count: 33)) == nil)
        #expect(ufrag(check { _ in }) == UfragKey("server"))
        var noColon = MessageBuilder(MessageType(.request), transactionID: id)
        noColon.addUsername("server")
        #expect(ufrag(noColon.finish(key: password)) == nil)
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededRandom(seed: 5769)
        for _ in 0..<20_000 {
            var bytes = check()
            for _ in 0..<(1 + Int(random.next() % 6)) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if let parsed = try? parse(bytes), parsed.fingerprint { #expect(bytes == check()) }
            _ = verifies(bytes, password)
            _ = ufrag(bytes)
        }
    }
}
