import Synchronization

/// A field that keeps the struct around it where it is: calls that borrow it take its address.
///
/// The compiler copies a large noncopyable struct to the stack for each call that only reads it. It cannot where a part
/// of it is an atomic, which exists in one place. Nothing is ever read from this one or written to it.
public struct InPlace: ~Copyable, Sendable {
    private let anchor = Atomic(false)

    public init() {}
}
