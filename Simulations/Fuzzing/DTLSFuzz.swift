import DTLS
import Wire

/// Arbitrary bytes, cut into datagrams by two-byte lengths, for a server that waits and for a client that has
/// said hello; the clock moves on between them.
public enum DTLSFuzz {
    /// Made once: a key pair takes longer than a run.
    private static let certificate = try? Certificate()

    public static func run(_ input: RawSpan) {
        guard let certificate, input.byteCount <= 8192 else { return }
        for role in [Role.client, .server] {
            var now = Instant(nanoseconds: 1)
            guard
                var endpoint = try? Endpoint(
                    certificate: certificate, role: role, remoteFingerprint: certificate.fingerprint, now: now)
            else { return }
            endpoint.start(now: now)
            var offset = 0
            while input.byteCount - offset >= 2 {
                let length = min(Int(input.uint16(at: offset) & 0x07FF), input.byteCount - offset - 2)
                let datagram = input.extracting((offset + 2)..<(offset + 2 + length))
                offset += 2 + length
                try? endpoint.receive(datagram, now: now)
                while let sent = endpoint.nextTransmit() {
                    precondition(sent.count <= DTLS.Limits.datagramSize, "datagrams keep to the MTU")
                }
                now = now + .milliseconds(120)
                endpoint.advance(to: now)
            }
            while let event = endpoint.nextEvent() {
                if case .connected = event { preconditionFailure("nobody has the key of this certificate") }
            }
        }
    }
}
