public import Session

/// Why the store did not do what was asked.
public enum StoreError: Error, Hashable, Sendable {
    /// The store cannot be reached, or did not answer in time. What was asked may yet have happened.
    case unavailable(String)
    /// This record is not what this version of the program writes. Other records are not affected.
    case corrupt(String)
    /// The caller's epoch is older than the record's, which is given.
    case staleEpoch(Epoch)
    /// There is no such session.
    case notFound
    /// No worker can take the session.
    case refused(Refusal)
    /// Another controller has the session.
    case conflict(Assignment)
    /// Another controller, which lives, has the record.
    case held(ControllerID)
    /// The record would be larger than a record may be.
    case tooLarge
    /// The request itself is wrong: a name that cannot be a name.
    case invalid(String)
    /// The server answered with an error of its own.
    case server(String)
}
