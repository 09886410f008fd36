import RTP
import Wire

/// Makes one continuous RTP stream of whatever feeds a subscriber: own SSRC, sequence numbers without
/// a seam, timestamps that go on with the clock and picture ids that go on when the source changes.
///
/// Plain data, kept in memory that a successor process can take over: it goes on where this one
/// stopped. Order and gaps of the input are kept, so that the receiver sees real loss and asks for it;
/// packets that are left out on purpose leave no gap.
struct HeaderRewriter: BitwiseCopyable {
    /// Whose stream this is; a successor finds the record by it.
    var endpoint: Int32
    var ssrc: UInt32
    var rtxSSRC: UInt32
    /// ``Forward/source`` of what feeds the stream now; 0 when the next packet starts afresh.
    private(set) var source: UInt64 = 0
    /// How packets from the newest input on are rewritten.
    private(set) var span = RewritingSpan(start: 0, sequence: 0, timestamp: 0)
    /// Input older than this came before the stream switched to the source.
    private var firstInput: Int64 = 0
    /// The newest input in order, whether it passed or not, and what it said.
    private(set) var newestInput: Int64 = 0
    private var input = InputState()
    /// Newest output, extended to 64 bits; the first packet gets the number after it.
    private(set) var newestSequence: Int64
    private(set) var newestTimestamp: UInt32
    /// When what became `newestSequence` arrived.
    private var newestInstant = Instant.origin
    /// Newest output of the payload descriptor's counters.
    private var newestPicture: UInt16 = 0
    private var newestFrame: UInt16 = 0
    private var newestBase: UInt8 = 0
    private var newestKey: UInt8 = 0
    var rtxSequence: UInt16
    private(set) var isStarted = false
    /// The format that the stream began with.
    private(set) var payloadType: UInt8 = 0
    /// The first number of this process: those before it are a predecessor's, whose packets nobody has any more.
    private(set) var firstOwn: Int64 = 0
    /// The newest timestamp of a predecessor.
    private(set) var inheritedTimestamp: UInt32 = 0
    var selection = LayerSelector()
    /// Sender's counts (RFC 3550 section 6.4.1): packets, and octets of payload.
    private(set) var packets: UInt64 = 0
    private(set) var octets: UInt64 = 0

    /// What the newest input in order said.
    private struct InputState: BitwiseCopyable {
        var timestamp: UInt32 = 0
        var instant = Instant.origin
        var picture: UInt16 = 0
        var frame: UInt16 = 0
        var base: UInt8 = 0
        var hasPicture = false
        var hasFrame = false
        var hasBase = false
    }

    /// What a packet becomes.
    struct Position: BitwiseCopyable {
        var sequence: Int64
        var timestamp: UInt32
        /// The packet's layer is left out, but its number was taken before that was known: an empty
        /// packet closes the gap.
        var isFiller: Bool
        var span: RewritingSpan
    }

    /// What the rewriter must know about the subscriber's format and wishes.
    struct Rules: BitwiseCopyable {
        var clockRate: UInt32
        /// After a change of source only a key frame starts the output.
        var waitsForKeyFrame = false
        /// Frames can be sent in another order than they are shown (B-frames), so timestamps may step back.
        var isReordered = false
        var wish = LayerWish()
        /// Where sender reports say that the source's timestamp belongs in the output.
        var alignedTimestamp: UInt32?
    }

    init(endpoint: Int32, ssrc: UInt32, rtxSSRC: UInt32, random: inout SeededRandom) {
        self.endpoint = endpoint
        self.ssrc = ssrc
        self.rtxSSRC = rtxSSRC
        // RFC 3550 section 5.1: both start at random. The sequence number starts in the lower half so
        // that it does not wrap among the first packets (RFC 3711 section 3.3.1 on losing those).
        newestSequence = 0x1_0000 + Int64(random.next() & 0x7FFF)
        newestTimestamp = UInt32(truncatingIfNeeded: random.next())
        rtxSequence = UInt16(truncatingIfNeeded: random.next() & 0x7FFF)
    }

    /// Goes on where another process left off, with the next number. Only integers are taken over, of which every
    /// value can be read; nil where they cannot be a rewriter's. The next packet starts afresh, at a key frame.
    init?(continuing left: UnsafePointer<HeaderRewriter>) {
        endpoint = unsafe left.pointee.endpoint
        ssrc = unsafe left.pointee.ssrc
        rtxSSRC = unsafe left.pointee.rtxSSRC
        newestSequence = unsafe left.pointee.newestSequence
        newestTimestamp = unsafe left.pointee.newestTimestamp
        newestInstant = unsafe left.pointee.newestInstant
        newestPicture = unsafe left.pointee.newestPicture
        newestFrame = unsafe left.pointee.newestFrame
        newestBase = unsafe left.pointee.newestBase
        newestKey = unsafe left.pointee.newestKey
        rtxSequence = unsafe left.pointee.rtxSequence
        packets = unsafe left.pointee.packets
        octets = unsafe left.pointee.octets
        isStarted = packets > 0
        // 48 bits are what SRTP can count (RFC 3711 section 3.3.1).
        guard newestSequence >= 0, newestSequence < 1 << 47 else { return nil }
        firstOwn = newestSequence + 1
        inheritedTimestamp = newestTimestamp
    }

    /// The next packet starts afresh, right after the newest one.
    mutating func forgetSource() { source = 0 }

    /// What already went out is not sent again, and older input no longer follows.
    mutating func seal() { firstInput = newestInput + 1 }

    /// The packet belongs to what feeds the stream now.
    func follows(_ forward: Forward, _ rules: Rules) -> Bool {
        source == forward.source && (payloadType == forward.payloadType || !rules.waitsForKeyFrame)
    }

    /// The place of a packet in the output, moving the stream to the packet's source when that changed.
    mutating func place(
        _ forward: Forward, _ rules: Rules, _ history: inout SpanHistory
    ) throws(DropReason) -> Position {
        let isFirst = !follows(forward, rules)
        if isFirst {
            guard forward.canStart || !rules.waitsForKeyFrame else { throw .waitingForKeyFrame }
            guard !forward.isPadding else { throw .waitingForKeyFrame }
            anchor(forward, rules)
            history.removeAll()
        }
        guard forward.sequence >= firstInput else { throw .staleSource }
        if forward.sequence > newestInput { try advance(forward, rules, isFirst: isFirst, &history) }
        guard let position = position(of: forward, history) else { throw .staleSource }
        if position.sequence > newestSequence {
            newestSequence = position.sequence
            noteNewest(forward, position)
        }
        if !position.isFiller {
            selection.noteSent(forward.frame, newest: newestNumber(forward.frame))
            octets &+= UInt64(forward.payloadRange.count)
        }
        packets &+= 1
        return position
    }

    /// A packet that was placed waits before it leaves, or has left now: counters tell what was sent.
    mutating func count(_ packet: Int64, octets bytes: Int) {
        packets &+= UInt64(bitPattern: packet)
        octets &+= UInt64(bitPattern: packet &* Int64(bytes))
    }

    /// Where a packet of the current source went, or would have gone; nil when it is not of this source or
    /// too old.
    func position(of forward: Forward, _ history: borrowing SpanHistory) -> Position? {
        guard forward.source == source, forward.sequence >= firstInput, forward.sequence <= newestInput else {
            return nil
        }
        let low = UInt32(truncatingIfNeeded: forward.sequence)
        var span = span
        if Int32(bitPattern: low &- span.start) < 0 {
            guard let found = history.find(input: low, current: span) else { return nil }
            span = found.span
            // The layers of its picture were chosen with a later packet, which came first.
            if found.next.decided == forward.frame.picture { span.takeLayers(of: found.next) }
        }
        let position = Position(
            sequence: extend(low &+ span.sequence), timestamp: forward.header.timestamp &+ span.timestamp,
            isFiller: !span.passes(forward), span: span)
        return forward.sequence == newestInput || isPlausible(position, forward.frame) ? position : nil
    }

    /// What comes behind newer packets must fit below them. It does not where the sender's numbers jumped
    /// just there: then it is lost.
    private func isPlausible(_ position: Position, _ frame: FrameDescription) -> Bool {
        let age = Int32(bitPattern: newestTimestamp &- position.timestamp)
        guard age >= -Limits.lateTicks, age <= Limits.lateTicks else { return false }
        if frame.flags.contains(.hasPictureID) {
            let behind = (newestPicture &- frame.picture &- position.span.picture) & 0x7FFF
            guard behind <= Limits.lateNumbers else { return false }
        }
        if frame.flags.contains(.hasBaseIndex) {
            guard newestBase &- frame.baseIndex &- position.span.base <= Limits.lateBaseIndices else { return false }
        }
        guard let dependencies = frame.dependencies else { return true }
        return newestFrame &- dependencies.frameNumber &- position.span.frame <= Limits.lateNumbers
    }

    /// The source's sequence number behind an output sequence number that a peer names in feedback;
    /// nil when it belongs to a former source, is too old or lies ahead.
    func sourceSequence(ofOutput number: SequenceNumber, _ history: borrowing SpanHistory) -> Int64? {
        guard source != 0 else { return nil }
        let newest = SequenceNumber(UInt16(truncatingIfNeeded: newestSequence))
        let output = newestSequence + Int64(number.distance(from: newest))
        guard output <= newestSequence else { return nil }
        let low = UInt32(truncatingIfNeeded: output)
        let isCurrent = Int32(bitPattern: low &- (span.start &+ span.sequence)) >= 0
        guard let span = isCurrent ? span : history.find(output: low) else { return nil }
        let step = Int32(bitPattern: low &- span.sequence &- UInt32(truncatingIfNeeded: newestInput))
        let input = newestInput + Int64(step)
        return input >= firstInput && input <= newestInput ? input : nil
    }

    private func extend(_ low: UInt32) -> Int64 {
        newestSequence + Int64(Int32(bitPattern: low &- UInt32(truncatingIfNeeded: newestSequence)))
    }

    // MARK: Steps

    /// The stream goes on with this packet's source.
    private mutating func anchor(_ forward: Forward, _ rules: Rules) {
        var timestamp = newestTimestamp
        if isStarted {
            let passed = Self.ticks(forward.arrival - newestInstant, rules.clockRate)
            timestamp = newestTimestamp &+ passed
            if let aligned = rules.alignedTimestamp {
                let step = Int32(bitPattern: aligned &- newestTimestamp)
                let clock = Int32(clamping: min(rules.clockRate, 192_000))
                // Sender reports are believed as far as the packet's arrival agrees.
                if step > 0, step < Int32(clamping: passed) + clock { timestamp = aligned }
                if step <= 0, step > -clock { timestamp = newestTimestamp &+ 1 }
            }
        }
        var fresh = RewritingSpan(
            start: forward.sequence, sequence: newestSequence + 1 - forward.sequence,
            timestamp: timestamp &- forward.header.timestamp)
        if isStarted {
            fresh.picture = newestPicture &+ 1 &- forward.frame.picture
            fresh.frame = newestFrame &+ 1 &- (forward.frame.dependencies?.frameNumber ?? 0)
            fresh.base = newestBase &+ 1 &- forward.frame.baseIndex
            fresh.key = newestKey &+ 1 &- forward.frame.keyIndex
        }
        source = forward.source
        payloadType = forward.payloadType
        firstInput = forward.sequence
        newestInput = forward.sequence - 1
        input = InputState()
        span = fresh
        isStarted = true
    }

    /// Takes the next packet in order: follows its counters, decides about its layer, and opens a new span
    /// when something changes.
    private mutating func advance(
        _ forward: Forward, _ rules: Rules, isFirst: Bool, _ history: inout SpanHistory
    ) throws(DropReason) {
        let step = isFirst ? 1 : forward.sequence - newestInput
        let isNewPicture = isFirst || isNewPicture(forward)
        var next = span
        if !isFirst { followTimestamp(forward, rules, &next) }
        if isNewPicture, !forward.isPadding {
            followPicture(forward.frame, step: step, isFirst: isFirst, &next)
            let delta = isFirst ? 0 : numberStep(forward.frame)
            selection.choose(forward, rules.wish, delta: delta, isFirst: isFirst, &next)
            if !next.hasSameLayers(as: span) { next.decided = forward.frame.picture }
        }
        followFrame(forward.frame, step: step, isFirst: isFirst, &next)
        let isOut = next.passes(forward)
        noteInput(forward, isNewPicture: isNewPicture)
        if !isOut {
            // A VP8 receiver takes a missing picture id for a lost frame.
            if isNewPicture, !forward.isPadding, forward.frame.scheme == .vp8 { next.picture &-= 1 }
            next.sequence &-= 1
            open(next, at: forward.sequence + 1, since: forward.sequence, &history)
            throw forward.isPadding ? .paddingOnly : .layerNotSelected
        }
        if next != span { open(next, at: forward.sequence, since: forward.sequence, &history) }
    }

    /// Begins a span; the one before is kept unless no number before `input` belongs to it and it decided
    /// nothing.
    private mutating func open(_ next: RewritingSpan, at start: Int64, since input: Int64, _ history: inout SpanHistory)
    {
        let isUsed = span.start != UInt32(truncatingIfNeeded: input)
        if isUsed || (span.decided != nil && span.decided != next.decided) { history.append(span) }
        span = next
        span.start = UInt32(truncatingIfNeeded: start)
    }

    private func isNewPicture(_ forward: Forward) -> Bool {
        switch forward.frame.scheme {
        case .vp8, .vp9:
            if forward.header.timestamp != input.timestamp { return true }
            return forward.frame.flags.contains(.hasPictureID) && input.hasPicture
                && forward.frame.picture != input.picture
        case .dependencies: return !input.hasFrame || forward.frame.picture != input.frame
        case .none: return forward.header.timestamp != input.timestamp
        }
    }

    /// A timestamp that jumps further than the time that passed is brought back to the clock.
    private mutating func followTimestamp(_ forward: Forward, _ rules: Rules, _ next: inout RewritingSpan) {
        let step = Int64(Int32(bitPattern: forward.header.timestamp &- input.timestamp))
        let clock = Int64(min(rules.clockRate, 192_000))
        let passed = Int64(Self.ticks(forward.arrival - input.instant, rules.clockRate))
        let backwards = rules.isReordered ? -clock * Limits.reorderedSeconds : 0
        if step >= backwards, step <= passed + clock * Limits.timestampJumpSeconds { return }
        let timestamp = newestTimestamp &+ Self.ticks(forward.arrival - newestInstant, rules.clockRate)
        next.timestamp = timestamp &- forward.header.timestamp
    }

    /// Counters of the payload descriptor that make no sense are renumbered as one step forward.
    private mutating func followPicture(
        _ frame: FrameDescription, step: Int64, isFirst: Bool, _ next: inout RewritingSpan
    ) {
        guard frame.scheme == .vp8 || frame.scheme == .vp9 else { return }
        if frame.flags.contains(.hasPictureID), !isFirst {
            let delta = Int64(Int16(bitPattern: (frame.picture &- input.picture) << 1) >> 1)
            // Each picture has a packet at least. VP9's may have been thinned out before they came here.
            let most = frame.scheme == .vp8 ? step : step + Int64(Limits.pictureJump)
            if !input.hasPicture {
                next.picture = newestPicture &+ 1 &- frame.picture
            } else if delta < 1 || delta > most {
                next.picture = input.picture &+ next.picture &+ 1 &- frame.picture
            }
        }
        if frame.flags.contains(.hasBaseIndex), !isFirst {
            let delta = Int64(frame.baseIndex &- input.base)
            let least: Int64 = frame.temporal == 0 ? 1 : 0
            if !input.hasBase {
                next.base = newestBase &+ UInt8(least) &- frame.baseIndex
            } else if delta < least || delta > max(step, least) {
                next.base = input.base &+ next.base &+ UInt8(least) &- frame.baseIndex
            }
        }
    }

    private mutating func followFrame(
        _ frame: FrameDescription, step: Int64, isFirst: Bool, _ next: inout RewritingSpan
    ) {
        guard !isFirst, let number = frame.dependencies?.frameNumber else { return }
        guard input.hasFrame else { return next.frame = newestFrame &+ 1 &- number }
        let delta = Int64(Int16(bitPattern: number &- input.frame))
        guard delta < 0 || delta > step + Int64(Limits.pictureJump) else { return }
        next.frame = input.frame &+ next.frame &+ 1 &- number
    }

    /// How far the picture or frame number went that references count in; 0 when it jumped.
    private func numberStep(_ frame: FrameDescription) -> Int {
        let isDependencies = frame.scheme == .dependencies
        guard isDependencies ? input.hasFrame : input.hasPicture else { return 0 }
        let delta =
            isDependencies
            ? Int(Int16(bitPattern: frame.picture &- input.frame))
            : Int(Int16(bitPattern: (frame.picture &- input.picture) << 1) >> 1)
        return delta > 0 && delta <= Limits.pictureJump ? delta : 0
    }

    private func newestNumber(_ frame: FrameDescription) -> UInt16 {
        frame.scheme == .dependencies ? input.frame : input.picture
    }

    private mutating func noteInput(_ forward: Forward, isNewPicture: Bool) {
        newestInput = forward.sequence
        input.timestamp = forward.header.timestamp
        input.instant = forward.arrival
        guard !forward.isPadding else { return }
        let frame = forward.frame
        if frame.flags.contains(.hasPictureID) {
            input.picture = frame.picture
            input.hasPicture = true
        }
        if isNewPicture, frame.flags.contains(.hasBaseIndex) {
            input.base = frame.baseIndex
            input.hasBase = true
        }
        if let dependencies = frame.dependencies {
            input.frame = dependencies.frameNumber
            input.hasFrame = true
        }
    }

    private mutating func noteNewest(_ forward: Forward, _ position: Position) {
        if Int32(bitPattern: position.timestamp &- newestTimestamp) > 0 || packets == 0 {
            newestTimestamp = position.timestamp
            newestInstant = forward.arrival
        } else if position.timestamp == newestTimestamp {
            newestInstant = forward.arrival
        }
        guard !position.isFiller else { return }
        let frame = forward.frame
        if frame.flags.contains(.hasPictureID) { newestPicture = frame.picture &+ position.span.picture }
        if frame.flags.contains(.hasBaseIndex) { newestBase = frame.baseIndex &+ position.span.base }
        if frame.flags.contains(.hasKeyIndex) { newestKey = frame.keyIndex &+ position.span.key }
        if let dependencies = frame.dependencies { newestFrame = dependencies.frameNumber &+ position.span.frame }
    }

    /// RTP clock ticks in `elapsed`, at least one so that two frames never share a timestamp, and at
    /// most an hour's so that the receiver still sees a step forward (2^31 ticks at 90 kHz are 6.6 h).
    static func ticks(_ elapsed: Interval, _ clockRate: UInt32) -> UInt32 {
        let microseconds = min(max(elapsed.microseconds, 0), 3_600_000_000)
        let ticks = UInt64(microseconds) * UInt64(min(clockRate, 192_000)) / 1_000_000
        return max(1, UInt32(truncatingIfNeeded: ticks))
    }
}
