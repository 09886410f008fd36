/// Why a run cannot be made or goes no further: for the person at the terminal, with what to do about it.
public struct LoadError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
