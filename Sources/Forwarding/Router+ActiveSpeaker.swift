import RTP
import Wire

// Who speaks, from the audio levels of RFC 6464.

extension Router {
    /// Puts the endpoint into a group whose members talk with each other, a room for example; it leaves the
    /// one that it was in. ``ForwardingEvent/dominantSpeaker(_:group:)`` tells when another member leads.
    ///
    /// Only endpoints whose audio comes with levels are heard. `group` is a number of the owner's choice below
    /// `UInt32.max`; nil takes the endpoint out.
    public mutating func joinSpeakers(_ endpoint: EndpointIndex, group: UInt32?) {
        guard isOpen(endpoint), endpoints[endpoint.slot].speakers != group else { return }
        leaveSpeakers(endpoint.slot)
        guard let group, group != Endpoint.noGroup else { return }
        endpoints[endpoint.slot].speakers = group
        speakerGroups[group, default: ActiveSpeaker()].members.append(endpoint.rawValue)
    }

    mutating func leaveSpeakers(_ endpoint: Int) {
        let group = endpoints[endpoint].speakers
        guard group != Endpoint.noGroup else { return }
        endpoints[endpoint].speakers = Endpoint.noGroup
        speakerGroups[group]?.members.removeAll { $0 == Int32(endpoint) }
        if speakerGroups[group]?.dominant == Int32(endpoint) { speakerGroups[group]?.dominant = -1 }
        if speakerGroups[group]?.members.isEmpty ?? false { speakerGroups[group] = nil }
    }

    mutating func noteAudioLevel(_ header: RTPHeader, _ packet: RawSpan, _ publisher: Int, now: Instant) {
        let id = publishers[publisher].audioLevelExtensionID
        guard id != 0, let range = header.headerExtension(id: id, in: packet), !range.isEmpty else { return }
        // RFC 6464 section 3: the voice flag, then the level in -dBov.
        publishers[publisher].speech.hear(level: packet.uint8(at: range.lowerBound) & 0x7F, now: now)
        let endpoint = Int(publishers[publisher].endpoint)
        guard endpoints[endpoint].speakers != Endpoint.noGroup else { return }
        guard endpoints[endpoint].nextSpeakers == .distantFuture else { return }
        endpoints[endpoint].nextSpeakers = now + Limits.speakerInterval
        schedule(endpoint, at: endpoints[endpoint].nextSpeakers)
    }

    /// Looks at the endpoint's group, when it is its turn; returns when to look again.
    mutating func serveSpeakers(_ endpoint: Int, now: Instant) -> Instant {
        guard endpoints[endpoint].nextSpeakers <= now else { return endpoints[endpoint].nextSpeakers }
        // The next packet with a level sets the timer again.
        endpoints[endpoint].nextSpeakers = .distantFuture
        let group = endpoints[endpoint].speakers
        guard group != Endpoint.noGroup, var held = speakerGroups[group] else { return .distantFuture }
        guard now >= held.nextDecision else { return .distantFuture }
        held.nextDecision = now + Limits.speakerInterval
        speakerGroups[group] = nil
        decide(&held, now: now)
        let dominant = held.dominant
        if held.isChanged { eventWork.add(Int(dominant)) }
        speakerGroups[group] = held
        return .distantFuture
    }

    private mutating func decide(_ group: inout ActiveSpeaker, now: Instant) {
        var best = group.dominant
        var speech = best >= 0 ? activity(of: Int(best), now: now) : SpeechActivity()
        for member in group.members where member != group.dominant {
            let other = activity(of: Int(member), now: now)
            guard speech.yields(to: other) else { continue }
            best = member
            speech = other
        }
        guard best != group.dominant, best >= 0 else { return }
        group.dominant = best
        group.isChanged = true
    }

    /// The liveliest of the endpoint's audio streams.
    private mutating func activity(of endpoint: Int, now: Instant) -> SpeechActivity {
        var best = SpeechActivity()
        for slot in endpoints[endpoint].publishers where publishers[Int(slot)].kind == .audio {
            publishers[Int(slot)].speech.advance(to: now)
            let speech = publishers[Int(slot)].speech
            if speech.medium >= best.medium { best = speech }
        }
        return best
    }

    /// Tells once that the endpoint leads its group.
    mutating func speakerEvent(of endpoint: Int) -> ForwardingEvent? {
        let group = endpoints[endpoint].speakers
        guard group != Endpoint.noGroup, let held = speakerGroups[group], held.isChanged else { return nil }
        guard held.dominant == Int32(endpoint) else { return nil }
        speakerGroups[group]?.isChanged = false
        return .dominantSpeaker(EndpointIndex(Int32(endpoint)), group: group)
    }
}
