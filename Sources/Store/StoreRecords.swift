public import Session

/// What a heartbeat came to.
public struct HeartbeatAnswer: Hashable, Sendable {
    /// The worker was not registered a moment ago: it is new, its heartbeats came too late, or the store
    /// lost its data. The worker should reconcile.
    public var isRegistration: Bool

    public init(isRegistration: Bool) { self.isRegistration = isRegistration }
}

/// One worker in the store.
public struct RegisteredWorker: Hashable, Sendable {
    public var id: WorkerID
    /// The last report; nil once the worker's time to live has passed, that is, when it is dead.
    public var report: WorkerReport?
    /// In the order of their names.
    public var assignedSessions: [SessionID]
    /// Nil when it takes new sessions.
    public var drain: WorkerDrain?

    public init(id: WorkerID, report: WorkerReport?, assignedSessions: [SessionID], drain: WorkerDrain? = nil) {
        self.id = id
        self.report = report
        self.assignedSessions = assignedSessions
        self.drain = drain
    }
}

/// All workers at one moment.
public struct WorkerRoster: Hashable, Sendable {
    /// By name.
    public var workers: [RegisteredWorker]
    /// Records that could not be read, for the log. A worker with an unreadable report counts as alive
    /// but takes no new sessions, and is in ``unreadable`` only.
    public var unreadable: [WorkerID]

    public init(workers: [RegisteredWorker] = [], unreadable: [WorkerID] = []) {
        self.workers = workers
        self.unreadable = unreadable
    }
}

/// A session in the store.
public struct SessionRecord: Hashable, Sendable {
    public var assignment: Assignment
    public var state: SessionState
    public var specification: SessionSpecification?

    public init(assignment: Assignment, state: SessionState, specification: SessionSpecification? = nil) {
        self.assignment = assignment
        self.state = state
        self.specification = specification
    }
}

/// What ``ClusterStore/markLost(_:sparing:)`` found.
public struct LossReport: Hashable, Sendable {
    /// The incarnation that is alive now, if any: its sessions were left alone.
    public var livingIncarnation: String?
    /// Sessions that this call marked, by name, with the epoch that they were lost under.
    public var lost: [Assignment]

    public init(livingIncarnation: String?, lost: [Assignment]) {
        self.livingIncarnation = livingIncarnation
        self.lost = lost
    }
}

/// A place in a stream: everything up to it has been read. Survives reconnects.
public struct StreamCursor: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String
    init(rawValue: String) { self.rawValue = rawValue }

    /// As ``rawValue`` was noted down: two numbers with a dash between them, or one number; nil for anything else.
    public init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ UInt64($0) != nil }) else { return nil }
        rawValue = text
    }

    /// Of two places in one stream. ``latest`` is before and after nothing.
    public func isBefore(_ other: StreamCursor) -> Bool {
        func parts(_ cursor: StreamCursor) -> (UInt64, UInt64) {
            let parts = cursor.rawValue.split(separator: "-").map { UInt64($0) ?? 0 }
            return (parts.first ?? 0, parts.count > 1 ? parts[1] : 0)
        }
        return parts(self) < parts(other)
    }

    /// Before the first message that is kept.
    public static let beginning = StreamCursor(rawValue: "0-0")
    /// After the newest message of this moment.
    public static let latest = StreamCursor(rawValue: "$")

    public var description: String { rawValue }
}

/// What one read of a stream gave.
public struct StreamBatch<Element: Sendable & Hashable>: Hashable, Sendable {
    /// In the order in which they were sent.
    public var elements: [Element]
    /// Where each element lies, in the same order. Elements that were sent together lie at one place.
    public var positions: [StreamCursor] = []
    /// Where to read on.
    public var cursor: StreamCursor
    /// Messages that were skipped because they could not be decoded.
    public var unreadable: Int

    /// It is all that lay there: what a later read finds was sent after this one began.
    public var isWhole: Bool { elements.count + unreadable < Limits.streamBatch }

    public init(elements: [Element] = [], cursor: StreamCursor, unreadable: Int = 0) {
        self.elements = elements
        self.cursor = cursor
        self.unreadable = unreadable
    }
}

/// A signaling record that was claimed.
public struct ClaimedRecord: Hashable, Sendable {
    public var texts: [String: String]
    /// Raised by every claim; a write with a lower one is refused.
    public var term: Epoch
    /// Who had it.
    public var previous: ControllerID

    public init(texts: [String: String], term: Epoch, previous: ControllerID) {
        self.texts = texts
        self.term = term
        self.previous = previous
    }
}

/// What a controller's heartbeat came to.
public struct ControllerRoster: Hashable, Sendable {
    /// Another process heartbeats under this controller's name.
    public var isNameTaken: Bool
    /// By name; dead ones for an hour.
    public var controllers: [RegisteredController]

    public init(isNameTaken: Bool, controllers: [RegisteredController]) {
        self.isNameTaken = isNameTaken
        self.controllers = controllers
    }
}

/// A unit that changed its controller.
public struct AdoptedUnit: Hashable, Sendable {
    /// With the new controller.
    public var record: SessionRecord
    public var previous: ControllerID

    public init(record: SessionRecord, previous: ControllerID) {
        self.record = record
        self.previous = previous
    }
}
