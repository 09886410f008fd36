public import Session
import Wire

/// What a reactor notes down for a successor: one thing that was asked of it or that it learned.
public struct JournalNote: Codable, Sendable {
    public enum Content: Codable, Sendable {
        /// What the controller asked for, in a form that a repetition brings about.
        case operation(Operation)
        /// Under which epoch the worker holds the session, and who is to be told of it.
        case hold(SessionHold)
        /// An SSRC of the endpoint in this slot; see `Forwarding.StreamIdentity`.
        case stream(ssrc: UInt32, mid: String, encoding: Int, isRTX: Bool)
    }

    public var session: SessionID
    /// Of the endpoint that it is about.
    public var slot: Int32?
    /// Of an endpoint that is opened: where its transport's record lies.
    public var record: UInt32?
    public var generation: UInt32?
    /// Of one with a second record.
    public var companion: UInt32?
    public var companionGeneration: UInt32?
    public var content: Content
}

/// Under which epoch a worker holds a session, and which controller commands it.
public struct SessionHold: Hashable, Codable, Sendable {
    public var epoch: Epoch
    public var controller: ControllerID

    public init(epoch: Epoch, controller: ControllerID) {
        self.epoch = epoch
        self.controller = controller
    }
}

/// Makes bytes of notes and notes of bytes. Not this module's own, which knows no format.
public struct NoteCodec: Sendable {
    public var encode: @Sendable (JournalNote) -> [UInt8]?
    public var decode: @Sendable ([UInt8]) -> JournalNote?

    public init(
        encode: @escaping @Sendable (JournalNote) -> [UInt8]?, decode: @escaping @Sendable ([UInt8]) -> JournalNote?
    ) {
        self.encode = encode
        self.decode = decode
    }
}
