import CSeededRandom
public import Wire

/// OpenSSL's random numbers out of a seeded stream, for as long as a simulated process runs.
///
/// Keys, nonces of signatures, hello randoms and the explicit nonces of records all come from OpenSSL's generator. The
/// first of these objects puts a generator in front of it that asks the thread whether a simulated process is running
/// on it; every other thread goes on getting real random numbers, so that a process may serve and simulate.
@safe public final class SeededOpenSSL {
    private var random: SeededRandom
    private static let isInstalled = apus_seeded_random_install() == 1

    public init(_ random: SeededRandom) {
        precondition(Self.isInstalled, "OpenSSL takes no other generator")
        self.random = random
    }

    /// Runs `body` with this stream. Not to be nested.
    public func run<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe apus_seeded_random_set(
            { context, bytes, count in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<SeededOpenSSL>.fromOpaque(context).takeUnretainedValue().fill(
                    UnsafeMutableRawBufferPointer(start: bytes, count: count))
            }, Unmanaged.passUnretained(self).toOpaque())
        defer { apus_seeded_random_set(nil, nil) }
        return try body()
    }

    private func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { unsafe bytes[index] = UInt8(truncatingIfNeeded: random.next() >> 32) }
    }
}
