import CFFmpeg
import Wire

/// Ends what a reader, a writer or a request waits for. Made before the work, kept by whoever may stop it.
@safe public final class Interruption: @unchecked Sendable {
    /// Two atomic numbers in memory of C, which FFmpeg looks at each 100 ms and before each blocking call.
    let state: UnsafeMutablePointer<apus_media_interrupt>

    /// One that nobody has used.
    public init() {
        guard let state = unsafe apus_media_interrupt_new() else { preconditionFailure("no memory") }
        unsafe self.state = state
    }

    deinit { unsafe apus_media_interrupt_free(state) }

    /// Every call that waits now, and each later one, throws ``MediaError/interrupted``. From any thread; for good.
    public func interrupt() { unsafe apus_media_interrupt_set(state) }

    /// Whether ``interrupt()`` was called.
    public var isInterrupted: Bool { unsafe apus_media_interrupt_is_set(state) != 0 }

    /// The work that begins now may take this long.
    func arm(_ limit: Interval) { unsafe apus_media_interrupt_arm(state, limit.nanoseconds) }

    /// Throws when the work has to end.
    func check() throws(MediaError) {
        if isInterrupted { throw .interrupted }
        if unsafe apus_media_interrupt_is_late(state) != 0 { throw .timedOut }
    }

    var hook: AVIOInterruptCB { unsafe apus_media_interrupt_hook(state) }

    /// Waits until the host has an address. Numbers are no names and need no waiting.
    func resolve(_ host: String) throws(MediaError) {
        let result = unsafe apus_media_resolve(host, state)
        if result < 0 { throw MediaError(result, while: .opening, self) }
    }
}
