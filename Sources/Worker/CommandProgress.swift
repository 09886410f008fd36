import Store

/// How far the commands have been carried out and answered, for a successor: what lies behind is done again, which
/// every command allows.
struct CommandProgress {
    private struct Batch {
        var cursor: StreamCursor
        var open: Int
    }

    /// Read and not finished, oldest first.
    private var batches: [Batch] = []
    /// By the number of the first of ``batches``.
    private var first = 0
    /// Everything up to here is finished.
    private(set) var finished: StreamCursor?

    /// The next commands come from a read that ended at `cursor`; the number that they are finished under.
    mutating func begin(_ cursor: StreamCursor, commands: Int) -> Int {
        batches.append(Batch(cursor: cursor, open: commands))
        let number = first + batches.count - 1
        settle()
        return number
    }

    /// A command of that read has been answered.
    mutating func finish(_ number: Int) {
        guard number >= first, number - first < batches.count else { return }
        batches[number - first].open -= 1
        settle()
    }

    private mutating func settle() {
        while let batch = batches.first, batch.open <= 0 {
            finished = batch.cursor
            batches.removeFirst()
            first += 1
        }
    }
}
