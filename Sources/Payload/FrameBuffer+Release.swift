import RTP
public import Wire

extension FrameBuffer {
    /// The next frame, when there is one for now; nil until another packet comes or ``deadline`` has passed.
    public mutating func nextFrame(now: Instant) -> EncodedFrame? {
        deadline = .distantFuture
        // Each turn gives out, drops or gives up at least one number.
        while next != nil {
            switch scan.advance(in: store) {
            case .empty, .open:
                stepOverPadding()
                return nil
            case .gap:
                stepOverPadding()
                if skipToKeyFrame() { continue }
                guard giveUpGap(now: now) else { return nil }
            case .whole:
                if waitsForStart(now: now) {
                    if skipToKeyFrame() { continue }
                    return nil
                }
                guard isUsable() else { continue }
                switch timeliness(now: now) {
                case .early: return nil
                case .late: dropLateFrame()
                case .due: if let frame = release(now: now) { return frame }
                }
            }
        }
        return nil
    }

    /// Padding before the first packet of a frame holds nothing up.
    private mutating func stepOverPadding() {
        guard scan.timestamp == nil, let next, scan.end > next else { return }
        drop(next..<scan.end, as: .paddingOnly)
    }

    /// True when everything before a key frame that is coming in was dropped, since nothing of it can be decoded.
    ///
    /// H.264 tells the first packet of a key frame for sure only by the parameter sets; the rest is found when the gap
    /// before it is given up.
    private mutating func skipToKeyFrame() -> Bool {
        guard needsKeyFrame, let next, let start = store.firstKeyFrameStart(from: next), start > next,
            let packet = store[start]
        else { return false }
        guard format != .h264 || packet.part.contents.contains(.sequenceParameters) || store[start - 1] != nil else {
            return false
        }
        // Its own first packets may still be coming.
        guard packet.timestamp != scan.timestamp else { return false }
        drop(next..<start, as: .waitingForKeyFrame)
        startIsKnown = false
        return true
    }

    /// Gives up the missing numbers at the end of the scan when it is time; else sets the deadline.
    private mutating func giveUpGap(now: Instant) -> Bool {
        let missing = scan.end
        guard let next, let found = store.firstHeld(from: missing), let packet = store[found] else { return false }
        var since = packet.arrival
        if let gap, gap.number == missing { since = min(since, gap.since) }
        gap = (missing, since)
        let end: Instant
        switch policy {
        case .complete(let patience): end = since + patience
        case .playout: end = format.kind == .video ? timing.latest(packet.timestamp) : timing.due(packet.timestamp)
        }
        guard now >= end else {
            deadline = end
            return false
        }
        // Between two pictures that follow each other, nothing but padding can have been.
        let isHarmless = next == missing && packet.part.startsFrame && followsNewest(packet.part)
        drop(next..<found, as: .frameIncomplete)
        if isHarmless { startIsKnown = true } else { lose() }
        return true
    }

    private func followsNewest(_ part: FramePart) -> Bool {
        guard !needsKeyFrame, let last = lastPictureID, let id = part.pictureID else { return false }
        return id.follows(last)
    }

    /// True when the first packets of all may overtake each other, and those that the frame of the scan begins with may
    /// still come; sets the deadline.
    private mutating func waitsForStart(now: Instant) -> Bool {
        guard !hasAdvanced, !startIsKnown, let packet = store[scan.start], !packet.part.startsFrame else {
            return false
        }
        let end: Instant
        switch policy {
        case .complete(let patience): end = packet.arrival + patience
        case .playout: end = timing.due(packet.timestamp)
        }
        guard now < end else { return false }
        deadline = end
        return true
    }

    /// Drops the frame of the scan and answers false when its start is missing, or what it builds on.
    private mutating func isUsable() -> Bool {
        guard let next else { return false }
        guard startIsKnown || store[scan.start]?.part.startsFrame == true else {
            drop(next..<scan.end, as: .frameIncomplete)
            startIsKnown = true
            return false
        }
        guard format.codec.hasKeyFrames else { return true }
        if format == .h264, !scan.contents.contains(.picture) {
            keepParameterSets(next..<scan.end)
            return false
        }
        guard needsKeyFrame else { return true }
        let hasParameters = knowsParameters || !parameterSets.isEmpty || scan.contents.contains(.sequenceParameters)
        guard scan.contents.isKeyFrame, format != .h264 || hasParameters else {
            drop(next..<scan.end, as: .waitingForKeyFrame)
            startIsKnown = true
            return false
        }
        return true
    }

    private enum Timeliness { case early, due, late }

    private mutating func timeliness(now: Instant) -> Timeliness {
        guard case .playout = policy, let timestamp = scan.timestamp else { return .due }
        let due = timing.due(timestamp)
        guard due <= now else {
            deadline = due
            return .early
        }
        return format.kind == .audio && now > timing.latest(timestamp) ? .late : .due
    }

    private mutating func dropLateFrame() {
        guard let next else { return }
        drop(next..<scan.end, as: .frameTooLate)
        followsLoss = true
        startIsKnown = true
    }
}
