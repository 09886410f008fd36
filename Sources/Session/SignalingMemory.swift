/// Where front doors keep what has to outlive their process: records of named texts, each held by one controller at
/// a time. `Controller.Director` is the one in production.
public protocol SignalingMemory: Sendable {
    /// Writes changes of a record that this controller holds; one that is not there yet is made.
    /// - Parameter session: the session of the media plane that the record is about; what its workers have done is
    ///   written along.
    func keep(_ changes: RecordChanges, in record: String, about session: SessionID?) async throws(RecordFailure)

    /// Makes the record this controller's.
    /// - Parameter isPatient: a living controller that has it is asked for it, and given a moment.
    /// - Returns: all texts by their names; nil when there is no such record.
    /// - Throws: `.elsewhere` for now or for good, `.storeUnavailable`.
    func claim(_ record: String, isPatient: Bool) async throws(Refusal) -> [String: String]?

    /// Takes the record away. Never fails: what the store cannot do now goes by the record's time to live.
    func forget(_ record: String) async

    /// Hands the record, and the sessions of the media plane that it is about, to whoever claims it next.
    func giveUp(_ records: [String], with sessions: [SessionID]) async

    /// Registers who is asked for records that another controller wants; replaces whoever was asked before.
    func onWanted(_ give: @escaping @Sendable (String) async -> Void) async

    /// Registers who is told that this controller counted as dead for a while: others may have what it held.
    func onLapse(_ check: @escaping @Sendable () async -> Void) async
}

/// Texts of a record that are new.
public struct RecordChanges: Hashable, Sendable {
    /// By name; nil takes the text out.
    public var texts: [String: String?]
    /// These are all texts: what else the record has goes.
    public var isWhole: Bool

    public init(_ texts: [String: String?] = [:], isWhole: Bool = false) {
        self.texts = texts
        self.isWhole = isWhole
    }

    /// Bytes of the texts that are to be written.
    public var size: Int { texts.values.reduce(0) { $0 + ($1?.utf8.count ?? 0) } }
}

/// Why a record was not written.
public enum RecordFailure: Error, Hashable, Sendable {
    /// The store is away: again later.
    case unavailable
    /// The store does not have the record any more: all of it is to be written.
    case missing
    /// Another controller has it.
    case taken
    /// It is larger than a record may be.
    case tooLarge
}
