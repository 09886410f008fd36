public import Media
public import Session
import Synchronization

/// The body of one upload on its way from its connection to the thread that reads it.
public final class UploadBody: MediaStream {
    /// What the sender of the body is to be told.
    public enum Answer: Sendable {
        /// It was received, and plays.
        case done
        case failed(ElementFailure)
        /// Nobody wants it any more.
        case closed
    }

    private enum End { case whole, broken }

    private struct State {
        var pieces: [[UInt8]] = []
        /// Of `pieces`, those that were taken, and bytes of the one behind them.
        var taken = 0
        var offset = 0
        var bytes = 0
        /// The sender waits for room.
        var isWaiting = false
        var end: End?
        var isAnswered = false
    }

    private let state = Mutex(State())
    private let onRoom: @Sendable () -> Void
    private let onAnswer: @Sendable (Answer) -> Void

    /// - Parameters:
    ///   - onRoom: there is room again after ``append(_:)`` said that there was none.
    ///   - onAnswer: called once.
    public init(onRoom: @escaping @Sendable () -> Void, onAnswer: @escaping @Sendable (Answer) -> Void) {
        self.onRoom = onRoom
        self.onAnswer = onAnswer
    }

    // MARK: The connection's side

    /// Whether there is room for more. What comes all the same is taken.
    public func append(_ piece: [UInt8]) -> Bool {
        state.withLock { state in
            guard state.end == nil, !state.isAnswered, !piece.isEmpty else { return true }
            state.pieces.append(piece)
            state.bytes += piece.count
            state.isWaiting = state.bytes >= Limits.uploadBytes
            return !state.isWaiting
        }
    }

    /// All was sent; or, if it is not whole, its connection broke before that.
    public func end(isWhole: Bool) { state.withLock { $0.end = $0.end ?? (isWhole ? .whole : .broken) } }

    // MARK: The reader's side

    public func take(atMost count: Int) -> MediaStreamPiece {
        let (piece, hasRoom) = state.withLock { state -> (MediaStreamPiece, Bool) in
            guard state.taken < state.pieces.count else {
                switch state.end {
                case nil: return (.nothing, false)
                case .whole: return (.end, false)
                case .broken: return (.failed(.truncated), false)
                }
            }
            let rest = state.pieces[state.taken][state.offset...].prefix(count)
            state.bytes -= rest.count
            state.offset += rest.count
            if state.offset == state.pieces[state.taken].count {
                state.pieces[state.taken] = []
                state.offset = 0
                state.taken += 1
            }
            if state.taken >= 64 {
                state.pieces.removeFirst(state.taken)
                state.taken = 0
            }
            let hasRoom = state.isWaiting && state.bytes < Limits.uploadBytes / 2
            if hasRoom { state.isWaiting = false }
            return (.bytes(Array(rest)), hasRoom)
        }
        if hasRoom { onRoom() }
        return piece
    }

    // MARK: The element's side

    /// All was sent.
    var isWhole: Bool { state.withLock { $0.end == .whole } }

    /// Tells the sender, unless it was told already.
    func answer(_ answer: Answer) {
        let isFirst = state.withLock { state in
            defer { state.isAnswered = true }
            return !state.isAnswered
        }
        if isFirst { onAnswer(answer) }
    }
}
