/// Who holds a session, and with which fencing token.
public struct Assignment: Hashable, Sendable, Codable {
    public var session: SessionID
    public var worker: WorkerID
    /// The start of the worker's process that the session was given to: a restarted worker of the
    /// same name does not hold it.
    public var incarnation: String
    public var epoch: Epoch
    /// The controller that opened the session, and that replies and events go to.
    public var controller: ControllerID

    public init(session: SessionID, worker: WorkerID, incarnation: String, epoch: Epoch, controller: ControllerID) {
        self.session = session
        self.worker = worker
        self.incarnation = incarnation
        self.epoch = epoch
        self.controller = controller
    }
}

/// Where a session's record stands.
public enum SessionState: String, Hashable, Sendable, Codable, CaseIterable {
    /// A worker owns it.
    case assigned
    /// Its owner died and is fenced; it may be assigned again.
    case lost
}
