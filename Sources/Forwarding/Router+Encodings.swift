import RTP
import Wire

// Which of a publisher's simulcast encodings anybody wants: its sender need not send the others.

extension Router {
    /// Something changed that this depends on: it is looked at together with the endpoint's timers, at once, so that
    /// many changes cost one look.
    mutating func reviewEncodings(ofPublisher slot: Int) {
        guard publishers[slot].streamCount > 1 || publishers[slot].wantedEncodings != nil else { return }
        publishers[slot].encodingsDue = min(publishers[slot].encodingsDue, now)
        schedule(Int(publishers[slot].endpoint), at: now)
    }

    /// Follows what is wanted, when it is time; returns when to look again.
    mutating func serveEncodings(ofPublisher slot: Int, now: Instant) -> Instant {
        guard publishers[slot].encodingsDue <= now else { return publishers[slot].encodingsDue }
        let highest = highestWantedRank(of: slot)
        var next = Instant.distantFuture
        var wanted: UInt8 = 0
        var isSent = false
        for rank in 0..<publishers[slot].streamCount {
            let stream = Int(publishers[slot].stream(ofRank: rank))
            let isAlive = streams[stream].isAlive
            isSent = isSent || isAlive
            next = min(next, streams[stream].sending.follow(isWanted: rank <= highest, isSent: isAlive, now: now))
            if streams[stream].sending.isOn { wanted |= 1 << publishers[slot].index(ofRank: rank) }
        }
        publishers[slot].encodingsDue = next
        // Before anything is sent there is nothing to say. The first time all is told: a predecessor may have switched
        // something off.
        guard isSent || publishers[slot].wantedEncodings != nil else { return next }
        publishers[slot].wantedEncodings = wanted
        if wanted != publishers[slot].reportedEncodings { eventWork.add(Int(publishers[slot].endpoint)) }
        return next
    }

    /// Everything up to it is to be sent: senders share their bit rate from below, and viewers fall back to the lower
    /// ones at once. With nobody to watch it is the lowest that comes, so that the first viewer has a picture at once.
    private func highestWantedRank(of publisher: Int) -> Int {
        let top = publishers[publisher].streamCount - 1
        var highest = 0
        for rank in 0..<(top + 1) where streams[Int(publishers[publisher].stream(ofRank: rank))].isAlive {
            highest = rank
            break
        }
        for index in publishers[publisher].subscribers.indices where highest < top {
            highest = max(highest, wantedRank(of: publisher, for: Int(publishers[publisher].subscribers[index])))
        }
        // Whatever somebody gets or waits for stays: what a pipe passes on, and what is left only at a key frame.
        for rank in stride(from: top, to: highest, by: -1)
        where streams[Int(publishers[publisher].stream(ofRank: rank))].isWanted { return rank }
        return highest
    }

    /// What a subscriber would take if it came: what its peer wants; and of what the path has no room for the next one,
    /// so that the path is measured for it, and it is there when it fits.
    private func wantedRank(of publisher: Int, for slot: Int) -> Int {
        let allowance = subscribers[slot].allowance
        // A pinned one shows in the users of its stream.
        guard subscribers[slot].pin < 0, !allowance.isPaused else { return 0 }
        return min(highestRank(of: publisher, for: slot), Int(allowance.spatial) + 1)
    }

    /// What has not been told yet of the encodings of the endpoint's publishers.
    mutating func encodingsEvent(of endpoint: Int) -> ForwardingEvent? {
        for place in endpoints[endpoint].publishers {
            let slot = Int(place)
            // A look that is due may say something else.
            guard publishers[slot].encodingsDue > now, let wanted = publishers[slot].wantedEncodings,
                wanted != publishers[slot].reportedEncodings
            else { continue }
            publishers[slot].reportedEncodings = wanted
            return .encodingsWanted(
                EndpointIndex(Int32(endpoint)), mid: publishers[slot].mid,
                (0..<publishers[slot].streamCount).map { wanted & 1 << UInt8($0) != 0 })
        }
        return nil
    }
}
