import Testing

@testable import SRTP

@Suite struct PublishedVectors {
    @Test func counterModeKeystreamIsThatOfRFC3711AppendixB2() throws {
        let key = try MasterKey(
            profile: .aes128CMSHA180, key: hex("2B7E151628AED2A6ABF7158809CF4F3C"),
            salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
        let keystream = try KeyDerivation(masterKey: key).bytes(label: 0, count: 0xFF02 * 16)
        #expect(
            Array(keystream.prefix(48))
                == hex(
                    """
                    E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
                    41E95B3BB0A2E8DD477901E4FCA894C0
                    """))
        #expect(
            Array(keystream.suffix(48))
                == hex(
                    """
                    EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
                    6A2CC3787889374FBEB4C81B17BA6C44
                    """))
    }

    @Test func keysAreDerivedAsInRFC3711AppendixB3() throws {
        let key = try MasterKey(
            profile: .aes128CMSHA180, key: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            salt: hex("0EC675AD498AFEEBB6960B3AABE6"))
        let derivation = try KeyDerivation(masterKey: key)
        #expect(try derivation.bytes(label: 0, count: 16) == hex("C61E7A93744F39EE10734AFE3FF7A087"))
        #expect(try derivation.bytes(label: 2, count: 14) == hex("30CBBC08863D8C85D49DB34A9AE1"))
        #expect(
            try derivation.bytes(label: 1, count: 94)
                == hex(
                    """
                    CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
                    E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
                    6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2
                    """))
    }

    private static let salt = hex("517569642070726f2071756f")
    private static let rtp = hex(
        "8040f17b8041f8d35501a0b247616c6c6961206573 74206f6d6e697320646976697361 20696e20706172746573207472 6573")
    private static let rtcp = hex(
        """
        81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61
        deadbeefdeadbeefdeadbeefdeadbeefdeadbeef
        """)

    /// Seals, then opens again, through the cipher that the contexts use.
    private func seal(
        _ profile: Profile, key: [UInt8], packet: [UInt8], header: Int, ssrc: UInt32, index: UInt64, tail: [UInt8]
    ) throws -> [UInt8] {
        let sealing = try SessionCipher(
            profile: profile, key: key, authenticationKey: [], salt: Self.salt, isSealing: true)
        let opening = try SessionCipher(
            profile: profile, key: key, authenticationKey: [], salt: Self.salt, isSealing: false)
        var buffer = packet + [UInt8](repeating: 0, count: 16)
        func run(_ cipher: borrowing SessionCipher) -> Bool {
            buffer.withUnsafeMutableBufferPointer { bytes in
                tail.withUnsafeBufferPointer { tail in
                    cipher.runGCM(
                        ssrc: ssrc, index: index, header: bytes.baseAddress!, headerLength: header,
                        tail: tail.isEmpty ? nil : tail.baseAddress!, data: bytes.baseAddress! + header,
                        length: packet.count - header, tag: bytes.baseAddress! + packet.count)
                }
            }
        }
        let isSealed = run(sealing)
        #expect(isSealed)
        let sealed = buffer
        let isOpened = run(opening)
        #expect(isOpened)
        #expect(Array(buffer.prefix(packet.count)) == packet)
        buffer = sealed
        buffer[header] ^= 1
        let isForgeryOpened = run(opening)
        #expect(!isForgeryOpened)
        return sealed
    }

    @Test func srtpWithAES128GCMIsThatOfRFC7714Section16() throws {
        let sealed = try seal(
            .aeadAES128GCM, key: Array(0..<16), packet: Self.rtp, header: 12, ssrc: 0x5501_a0b2,
            index: 0xf17b, tail: [])
        #expect(
            Array(sealed.dropFirst(12))
                == hex(
                    """
                    F24DE3A3FB34DE6CACBA861C9D7E4BCABE633BD50D294E6F42A5F47A51C7D19B36DE3ADF8833
                    899D7F27BEB16A9152CF765EE4390CCE
                    """))
    }

    @Test func srtpWithAES256GCMIsThatOfRFC7714Section16() throws {
        let sealed = try seal(
            .aeadAES256GCM, key: Array(0..<32), packet: Self.rtp, header: 12, ssrc: 0x5501_a0b2,
            index: 0xf17b, tail: [])
        #expect(
            Array(sealed.dropFirst(12))
                == hex(
                    """
                    32B1DE78A822FE12EF9F78FA332E33AAB18012389A58E2F3B50B2A0276FFAE0F1BA63799B87B
                    7AA3DB36DFFFD6B0F9BB7878D7A76C13
                    """))
    }

    @Test func srtcpWithAES128GCMIsThatOfRFC7714Section17() throws {
        let sealed = try seal(
            .aeadAES128GCM, key: Array(0..<16), packet: Self.rtcp, header: 8, ssrc: 0x4d61_7273, index: 0x5d4,
            tail: hex("800005d4"))
        #expect(
            Array(sealed.dropFirst(8))
                == hex(
                    """
                    63E94885DCDAB67CA727D7662F6B7E997FF5C0F76C06F32DC676A5F1730D6FDA4CE09B46
                    86303DED0BB9275BC84AA45896CF4D2FC5ABF87245D9EADE
                    """))
    }
}
