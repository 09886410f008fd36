import Testing
import Wire

@testable import DTLS

@Suite struct Handshakes {
    @Test func bothRolesGetMirroredKeysAndGCM() throws {
        let pair = try Pair()
        pair.start()
        pair.exchange()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
        #expect(pair.client.events.count == 1 && pair.server.events.count == 1)
        #expect(pair.client.keys?.localKey.count == 16 && pair.client.keys?.localSalt.count == 12)
        #expect(max(pair.client.largest, pair.server.largest) <= Limits.datagramSize)
        #expect(pair.client.endpoint.deadline == .distantFuture && pair.server.endpoint.deadline == .distantFuture)
        #expect(pair.now == Instant(nanoseconds: 1_000_000_000), "nothing had to wait")
    }

    @Test(arguments: [
        ("SRTP_AES128_CM_SHA1_80", UInt16(1), 16, 14), ("SRTP_AEAD_AES_256_GCM", 8, 32, 12),
        ("SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", 1, 16, 14),
    ])
    func aPeerThatWantsAnotherProfileGetsIt(_ offer: String, _ profile: UInt16, _ key: Int, _ salt: Int) throws {
        // The server chooses by its own order (RFC 5764 section 4.1.1), so the one with the wish serves.
        let pair = try Pair(server: Certificate(srtpProfiles: offer))
        pair.start()
        pair.exchange()
        try pair.expectMirroredKeys(profile: profile)
        #expect(pair.client.keys?.localKey.count == key && pair.client.keys?.localSalt.count == salt)
    }

    @Test(arguments: ["sha-384", "sha-512"]) func longerHashesIdentifyThePeerToo(_ algorithm: String) throws {
        let server = try Certificate()
        let pair = try Pair(server: server, clientExpects: server.fingerprint(algorithm: algorithm))
        pair.start()
        pair.exchange()
        #expect(pair.areConnected)
    }

    @Test(arguments: 1...12) func aLostDatagramIsSentAgain(_ lost: Int) throws {
        let pair = try Pair()
        pair.route = { number, _, datagram in number == lost ? [] : [datagram] }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
        #expect(pair.now - Instant(nanoseconds: 1_000_000_000) <= .milliseconds(200))
    }

    /// Attack 15: record numbers, which are the explicit nonces, never come twice in an epoch.
    @Test(arguments: UInt64(1)...20) func retransmissionsHaveRecordNumbersOfTheirOwn(_ seed: UInt64) throws {
        let pair = try Pair()
        var seen: [Bool: Set<[UInt8]>] = [:]
        var repeated = 0
        var random = SeededRandom(seed: seed)
        pair.route = { _, fromClient, datagram in
            var offset = 0
            while offset + 13 <= datagram.count {
let isNew = seen[fromClient, default: []].insert(Array(datagram[(offset + 3)..<(offset + 11)])).inserted
                if !isNew { repeated += 1 }
                offset += 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
            }
            return random.next() & 1 == 0 ? [datagram] : []
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        #expect(repeated == 0)
    }

    @Test(arguments: UInt64(1)...20) func aBadNetworkOnlyTakesLonger(_ seed: UInt64) throws {
        let pair = try Pair()
        var random = SeededRandom(seed: seed)
        var held: [Bool: [[UInt8]]] = [:]
        pair.route = { _, fromClient, datagram in
            // Three in ten lost, two twice, two held back behind the next one.
            switch random.next() % 10 {
            case 0...2: return []
            case 3, 4: return [datagram, datagram] + (held.removeValue(forKey: fromClient) ?? [])
            case 5, 6:
                held[fromClient, default: []].append(datagram)
                return []
            default: return [datagram] + (held.removeValue(forKey: fromClient) ?? [])
            }
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        try pair.expectMirroredKeys()
    }

    @Test func recordsMayComeOneByOneAndInReverse() throws {
        let pair = try Pair()
        pair.route = { _, _, datagram in
            var records: [[UInt8]] = []
            var offset = 0
            while offset + 13 <= datagram.count {
                let end = offset + 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
                records.append(Array(datagram[offset..<end]))
                offset = end
            }
            return records.reversed()
        }
        pair.start()
        pair.run()
        #expect(pair.areConnected)
        #expect(pair.now - Instant(nanoseconds: 1_000_000_000) < .seconds(1))
    }

    /// A hello with a post-quantum key share is larger than a datagram: browsers send it in fragments.
    @Test func aHelloInFragmentsIsUnderstood() throws {
        let pair = try Pair()
        pair.route = { number, _, datagram in
            guard number == 1 else { return [datagram] }
            let body = Array(datagram[25...])
            func fragment(_ range: Range<Int>) -> [UInt8] {
                var writer = ByteWriter()
                writer.write(Array(datagram[..<11]))
                writer.write(UInt16(12 + range.count))
                writer.write(Array(datagram[13..<19]))
                writer.writeUInt24(UInt32(range.lowerBound))
                writer.writeUInt24(UInt32(range.count))
                writer.write(Array(body[range]))
                return writer.bytes
            }
            return [fragment(60..<body.count), fragment(40..<80), fragment(0..<60)]
        }
        pair.start()
        pair.exchange()
        #expect(pair.areConnected)
    }

    @Test func aClientThatLostTheLastFlightGetsItAgain() throws {
        let pair = try Pair()
        pair.route = { _, fromClient, datagram in
            !fromClient && pair.server.endpoint.state == .connected && pair.now < Instant(nanoseconds: 1_250_000_000)
                ? [] : [datagram]
        }
        pair.start()
        pair.exchange()
        #expect(pair.server.endpoint.state == .connected && pair.client.endpoint.state == .handshaking)
        pair.run()
        #expect(pair.areConnected)
        #expect(pair.now > Instant(nanoseconds: 1_250_000_000))
    }

    @Test func silenceEndsTheHandshakeAfterThirtySecondsAndTwelveRetransmissions() throws {
        let pair = try Pair()
        pair.route = { _, _, _ in [] }
        let beginning = pair.now
        pair.start()
        pair.run()
        #expect(pair.client.events == [.failed(.timeout)] && pair.server.events == [.failed(.timeout)])
        #expect(pair.now - beginning == Limits.handshakeTime)
        #expect(pair.client.transmitted == 1 + Limits.retransmissions)
        #expect(pair.server.transmitted == 0)
        #expect(pair.client.receive([22, 0xFE, 0xFD], now: pair.now) == .dtlsAfterClose)
    }
}

@Suite struct Identity {
    @Test func theSideThatSeesTheWrongCertificateFailsAndGivesNoKeys() throws {
        let stranger = try Certificate()
        let pair = try Pair(serverExpects: stranger.fingerprint)
        pair.start()
        pair.run()
        #expect(pair.server.events == [.failed(.fingerprintMismatch)])
        #expect(pair.server.endpoint.state == .failed && pair.client.keys == nil || pair.client.events.last == .closed)
        let other = try Pair(clientExpects: stranger.fingerprint)
        other.start()
        other.run()
        #expect(other.client.events == [.failed(.fingerprintMismatch)])
        #expect(other.server.events.last == .closed)
    }

    @Test func aPeerWithoutSRTPIsRefusedByEitherRole() throws {
        let plain = try Certificate(srtpProfiles: nil)
        let asClient = try Pair(client: plain)
        asClient.start()
        asClient.run()
        #expect(asClient.server.events == [.failed(.noSRTPProfile)])
        let asServer = try Pair(server: plain)
        asServer.start()
        asServer.run()
        #expect(asServer.client.events == [.failed(.noSRTPProfile)])
    }

    @Test func fingerprintsCompareWithoutCaseAndRefuseWeakHashes() throws {
        let ours = try Certificate().fingerprint
        #expect(ours.algorithm == "sha-256" && ours.value.utf8.count == 95)
        #expect(try Fingerprint(algorithm: "SHA-256", value: ours.value.lowercased()) == ours)
        #expect(throws: DTLSError.unsupportedHash) {
            try Fingerprint(algorithm: "sha-1", value: "AB:CD")
        }
        let value = ours.value
        let wrong = ["", "AB", value.dropLast() + "G", value + ":00", value.replacing(":", with: "-")]
        for value in wrong {
            #expect(throws: DTLSError.malformedFingerprint) { try Fingerprint(algorithm: "sha-256", value: value) }
        }
    }

    @Test func everyCertificateIsItsOwn() throws {
        #expect(try Certificate().fingerprint != Certificate().fingerprint)
    }
}
