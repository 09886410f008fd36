@_spi(Simulation) import DTLS
import Session
public import Simulator
public import Wire

/// What the processes of one simulated call have in common: what was negotiated, everybody's certificates, and who
/// watches over them.
public final class CallRoom {
    /// How much of the cryptography is real.
    public enum Crypto: String, Hashable, Sendable, CaseIterable {
        /// DTLS and SRTP as in production, with seeded random numbers.
        case real
        /// Datagrams of the same number and about the same size without any: for speed. Everything else is the same,
        /// but that nothing authenticates a packet: one whose payload a link corrupts is delivered so, and counted.
        case stubbed
    }

    public let seed: RootSeed
    public let parties: Int
    public let crypto: Crypto
    public let monitor = MediaMonitor()
    let layout: CallLayout
    let session = SessionID("call")
    /// When what is sent and received counts.
    let window: Range<Instant>
    /// Tells this call's packets from others.
    let run: UInt32
    private let keys = KeyLog()

    /// Only written while the call's one thread is in OpenSSL.
    private final class KeyLog: @unchecked Sendable {
        var lines: [String] = []
    }

    /// - Parameters:
    ///   - parties: 1 and more; a server takes ``Session`` limits of sections, of which each party has two for every
    ///     party.
    ///   - window: when packets are sent that count.
    public init(seed: RootSeed, parties: Int, crypto: Crypto, window: Range<Instant>) {
        precondition(parties > 0)
        self.seed = seed
        self.parties = parties
        self.crypto = crypto
        self.window = window
        layout = CallLayout(parties: parties, seed: seed)
        var random = seed.stream("run")
        run = UInt32(truncatingIfNeeded: random.next())
    }

    /// The secrets of all associations in the form of an NSS key log, each once, in the order in which they came.
    public var keyLogLines: [String] {
        var seen: Set<String> = []
        return keys.lines.filter { seen.insert($0).inserted }
    }

    /// A certificate drawn from `random`. It is valid around the first day of 2026, whenever the simulation runs.
    func makeCertificate(_ random: SeededOpenSSL) -> Certificate {
        let keys = keys
        let simulation = SimulatedAssociations(unixTime: 1_767_225_600, isStubbed: crypto == .stubbed) {
            keys.lines.append($0)
        }
        do {
            return try random.run { try Certificate(simulation: simulation) }
        } catch {
            preconditionFailure("OpenSSL makes no certificate: \(error)")
        }
    }
}
