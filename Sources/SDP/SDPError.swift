/// Why a session description was refused: for the person at the other end of the signalling channel.
///
/// Never quotes the refused text, so that it can go into logs and JSON replies as it is.
public struct SDPError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: String, Hashable, Sendable {
        /// No text at all, or no media section in it.
        case empty
        /// The text is valid but larger than this module allows.
        case overLimit
        /// The text breaks the grammar of RFC 8866 or of one of its attributes.
        case malformed
        /// Something that a WebRTC session needs is absent: ICE credentials, a fingerprint, a media section.
        case missing
        /// Two parts contradict each other: equal mids, a group of unknown mids, an answer that fits no offer.
        case inconsistent
        /// Nothing in it can be used: no common codec, no known transport.
        case unsupported
    }

    public var reason: Reason
    /// 1-based line of the text, or nil when the description as a whole is meant.
    public var line: Int?
    /// What is wrong, without a full stop.
    public var problem: String
    /// What to do about it, without a full stop.
    public var hint: String

    public init(_ reason: Reason, line: Int? = nil, _ problem: String, hint: String) {
        self.reason = reason
        self.line = line
        self.problem = problem
        self.hint = hint
    }

    public var description: String {
        let place = line.map { "SDP line \($0): " } ?? "SDP: "
        return place + problem + "; " + hint
    }

    /// The same error, placed at a line unless it already has one.
    func at(line number: Int) -> SDPError {
        var error = self
        error.line = error.line ?? number
        return error
    }
}
