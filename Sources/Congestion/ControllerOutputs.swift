import Wire

/// What a controller's state amounts to, in bit/s and bytes, for all who ask until it changes.
///
/// A getter of a controller behind an `Optional` copies the whole controller before it reads a field; so each tells its
/// outputs in place, after whatever may have changed them.
struct ControllerOutputs: Sendable, BitwiseCopyable {
    /// What the path carries.
    var estimate = 0.0
    /// What the source may send.
    var targetRate = 0.0
    /// What the pacer lets out.
    var pacingRate = 0.0
    /// Up to what padding fills for the controller's own sake.
    var paddingRate = 0.0
    /// Bytes that may be in flight; `Int.max` without a window.
    var window = Int.max
    var deadline = Instant.distantFuture
}
