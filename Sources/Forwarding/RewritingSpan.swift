import RTP

/// A run of a source's packets that are rewritten alike: what is added to their numbers, and which layers
/// pass. A span never changes once a packet was placed by it, so that a retransmission, or a packet that
/// comes late, is rewritten as its neighbours were.
///
/// Numbers are the low halves of the rewriter's: spans reach back less than a second.
struct RewritingSpan: Hashable, BitwiseCopyable {
    /// The input sequence number that it begins with.
    var start: UInt32
    /// Added to sequence numbers; one less after each packet that was left out on purpose.
    var sequence: UInt32
    var timestamp: UInt32
    /// Added to picture ids (15 bits), frame numbers, TL0PICIDX and KEYIDX (5 bits).
    var picture: UInt16 = 0
    var frame: UInt16 = 0
    var base: UInt8 = 0
    var key: UInt8 = 0
    /// The highest layers that pass; ``all`` without limit.
    var spatial = Self.all
    var temporal = Self.all
    /// The decode target that passes, ``all`` while the descriptor does not matter.
    var target = Self.all
    /// The picture, or frame, with whose first packet the layers were chosen anew.
    var decided: UInt16?
    /// Packets that begin a frame tell ``activeTargets``.
    var tellsActiveTargets = false
    var activeTargets: UInt32 = .max

    static let all: UInt8 = .max

    init(start: Int64, sequence: Int64, timestamp: UInt32) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.sequence = UInt32(truncatingIfNeeded: sequence)
        self.timestamp = timestamp
    }

    /// The layers that pass are those of another span.
    func hasSameLayers(as other: RewritingSpan) -> Bool {
        spatial == other.spatial && temporal == other.temporal && target == other.target
    }

    mutating func takeLayers(of other: RewritingSpan) {
        spatial = other.spatial
        temporal = other.temporal
        target = other.target
        tellsActiveTargets = other.tellsActiveTargets
        activeTargets = other.activeTargets
    }

    /// The packet goes out as it is; else only its number is used up, unless it came in order.
    func passes(_ forward: Forward) -> Bool {
        guard !forward.isPadding else { return false }
        switch forward.frame.scheme {
        case .none: return true
        case .vp8, .vp9: return forward.frame.temporal <= temporal && forward.frame.spatial <= spatial
        case .dependencies:
            guard target != Self.all, let dependencies = forward.frame.dependencies else { return true }
            return dependencies.indication(forTarget: Int(target)) != .notPresent
        }
    }

    /// The last packet of a picture has the marker: also when higher spatial layers are left out.
    func marker(of forward: Forward) -> Bool {
        forward.header.marker || (forward.frame.flags.contains(.endsFrame) && forward.frame.spatial == spatial)
    }
}

/// The spans before the current one, newest last, as far back as feedback and late packets reach. Takes
/// memory with the first.
@safe struct SpanHistory: ~Copyable {
    private var spans: UnsafeMutablePointer<RewritingSpan>?
    private var count = 0
    /// Where the next one goes.
    private var head = 0

    init() {}

    deinit { unsafe spans?.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func append(_ span: RewritingSpan) {
        let storage: UnsafeMutablePointer<RewritingSpan>
        if let held = unsafe spans {
            unsafe storage = held
        } else {
            unsafe storage = .allocate(capacity: Limits.rewritingSpans)
            unsafe storage.initialize(repeating: span, count: Limits.rewritingSpans)
            unsafe spans = storage
        }
        unsafe storage[head] = span
        head = (head + 1) & (Limits.rewritingSpans - 1)
        count = min(count + 1, Limits.rewritingSpans)
    }

    /// The newest span that begins at or before the input number, and the one after it, of which `current`
    /// is the last.
    func find(input: UInt32, current: RewritingSpan) -> (span: RewritingSpan, next: RewritingSpan)? {
        var next = current
        for back in 0..<count {
            let span = self[back]
            if Int32(bitPattern: input &- span.start) >= 0 { return (span, next) }
            next = span
        }
        return nil
    }

    /// The newest span whose output begins at or before the output number.
    func find(output: UInt32) -> RewritingSpan? {
        for back in 0..<count {
            let span = self[back]
            if Int32(bitPattern: output &- (span.start &+ span.sequence)) >= 0 { return span }
        }
        return nil
    }

    private subscript(back: Int) -> RewritingSpan {
        guard let spans = unsafe spans else { preconditionFailure("no span is kept") }
        return unsafe spans[(head - 1 - back) & (Limits.rewritingSpans - 1)]
    }
}
