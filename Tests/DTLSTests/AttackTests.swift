import Testing
import Wire

@testable import DTLS

@Suite struct Attacks {
    /// Attack 11: a forged fatal alert in the clear, at every step, from both directions.
    @Test func unencryptedAlertsDoNotEndAHandshake() throws {
        let alert: [UInt8] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]
        let goodbye: [UInt8] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0]
        let pair = try Pair()
        pair.route = { _, _, datagram in [alert, datagram, goodbye] }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
        #expect(pair.client.receive(alert, now: pair.now) == .dtlsUnauthenticatedAlert)
        #expect(pair.client.receive(goodbye, now: pair.now) == .dtlsUnauthenticatedAlert)
        #expect(pair.areConnected)
    }

    /// A forged record with the highest number would close OpenSSL's replay window for all real ones.
    @Test func aForgedHighRecordNumberDoesNotShutOutTheRealOnes() throws {
        let pair = try Pair()
        pair.route = { _, _, datagram in
            var forged = datagram
            for position in 5..<11 { forged[position] = 0xFF }
            return [Array(forged.prefix(13 + Int(forged[11]) << 8 + Int(forged[12]))), datagram]
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
    }

    @Test(arguments: UInt64(1)...10) func garbageAmongTheFlightsDoesNotEndAHandshake(_ seed: UInt64) throws {
        let pair = try Pair()
        var random = SeededRandom(seed: seed)
        pair.route = { _, _, datagram in
            var noise = random.bytes(Int(random.next() % 200) + 1)
            noise[0] = 20 + UInt8(random.next() % 44)
            // A record header that is right, over rubbish.
            let (epoch, number) = (UInt8(random.next() & 1), UInt8(random.next() & 7))
            var record: [UInt8] = [22, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, number, 0, 60]
            record += random.bytes(60)
            return [noise, record, Array(datagram.prefix(Int(random.next() % UInt64(datagram.count)))), datagram]
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
    }

    /// Changed copies behind the originals: by then their messages have been read.
    @Test(arguments: UInt64(1)...20) func mutatedDuplicatesDoNotEndAHandshake(_ seed: UInt64) throws {
        let pair = try Pair()
        var random = SeededRandom(seed: seed)
        pair.route = { _, _, datagram in [datagram] + (0..<4).map { _ in mutate(datagram, &random) } }
        pair.start()
        pair.run()
        #expect(pair.areOver)
        #expect(pair.areConnected)
    }

    /// Changed copies ahead of the originals may end it, but never with a trap, wrong keys or a hang.
    @Test(arguments: UInt64(1)...40) func mutatedDatagramsEndInAConnectionOrAFailure(_ seed: UInt64) throws {
        let pair = try Pair()
        var random = SeededRandom(seed: seed)
        pair.route = { _, _, datagram in
            random.next() % 4 == 0 ? [mutate(datagram, &random), datagram] : [datagram]
        }
        pair.start()
        pair.run()
        #expect(pair.areOver)
        if pair.areConnected { try pair.expectMirroredKeys() }
    }

    /// Attack 10 and 11: a hello that offers nothing acceptable makes OpenSSL give up; the real client still
    /// gets through.
    @Test func aBadHelloBeforeTheRealOneIsSurvived() throws {
        let pair = try Pair()
        pair.route = { number, fromClient, datagram in
            guard number == 1 else { return [datagram] }
            // The cipher list's first entries become NULL ciphers, the rest is cut to nothing acceptable.
            var forged = datagram
            let cipherListAt = 13 + 12 + 2 + 32 + 1 + Int(forged[13 + 12 + 34]) + 1 + Int(forged[13 + 12 + 35])
            let length = Int(forged[cipherListAt]) << 8 | Int(forged[cipherListAt + 1])
            for position in 0..<length { forged[cipherListAt + 2 + position] = position % 2 == 0 ? 0 : 1 }
            return [forged, forged, forged, datagram]
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
    }

    /// Attack 12: fragments that never complete, overlap, are empty or claim too much.
    @Test func fragmentBombsAreRefusedOrForgotten() throws {
        let pair = try Pair()
        pair.start()
        func fragment(total: UInt32, offset: UInt32, length: Int, message: UInt16 = 0) -> [UInt8] {
            var writer = ByteWriter()
            writer.write(UInt8(22))
            writer.write(UInt16(0xFEFD))
            writer.write(UInt64(message))
            writer.write(UInt16(12 + length))
            writer.write(UInt8(1))
            writer.writeUInt24(total)
            writer.write(message)
            writer.writeUInt24(offset)
            writer.writeUInt24(UInt32(length))
            writer.write([UInt8](repeating: 0x41, count: length))
            return writer.bytes
        }
        let server = pair.server
        #expect(server.receive(fragment(total: 100, offset: 0, length: 0), now: pair.now) == .dtlsMalformed)
        #expect(server.receive(fragment(total: 20_000, offset: 0, length: 10), now: pair.now) == .dtlsMalformed)
        #expect(server.receive(fragment(total: 100, offset: 95, length: 10), now: pair.now) == .dtlsMalformed)
        for message in UInt16(1)...200 {
            let bomb = fragment(total: 16_000, offset: UInt32(message), length: 30, message: message)
            server.receive(bomb, now: pair.now)
        }
        pair.run()
        #expect(pair.areConnected)
    }

    @Test func applicationDataIsCountedAndGoodbyeIsHeard() throws {
        let pair = try Pair()
        #expect(pair.client.receive([22, 0xFE, 0xFD], now: pair.now) == .dtlsBeforeNegotiation)
        pair.start()
        pair.exchange()
        pair.client.endpoint.send([1, 2, 3])
        let data = try #require(pair.client.drain().first)
        #expect(pair.server.receive(data, now: pair.now) == .applicationDataUnsupported)
        #expect(pair.server.receive(data, now: pair.now) == nil, "a replay is no data")
        var plain = data
        plain[4] = 0
        #expect(pair.server.receive(plain, now: pair.now) == .applicationDataUnsupported)
        #expect(pair.areConnected)
        pair.client.endpoint.close()
        pair.exchange()
        #expect(pair.client.endpoint.state == .closed && pair.server.endpoint.state == .closed)
        #expect(pair.server.events.last == .closed)
        #expect(pair.server.receive(data, now: pair.now) == .dtlsAfterClose)
    }
}

private func mutate(_ datagram: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var mutant = datagram
    for _ in 0...(random.next() % 4) {
        mutant[Int(random.next() % UInt64(mutant.count))] ^= 1 << UInt8(random.next() % 8)
    }
    return random.next() % 8 == 0 ? Array(mutant.prefix(Int(random.next() % UInt64(mutant.count)))) : mutant
}
