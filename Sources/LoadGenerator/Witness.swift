import RTP
import Wire

/// What a subscriber remembers from one connection to the next that takes its place: what has come, and when. A stream
/// that goes on over another connection goes on for its subscriber.
struct Witness {
    struct Section {
        var publisher: Int
        var kind: MediaKind
        var numbers: [NumberWindow] = []
        var gaps = GapWatch()
    }

    var person: Int
    var sections: [Section]
    /// Until then what comes over one connection may come over the other as well.
    var overlapEnds = Instant.origin
}

extension MediaWorld {
    /// The client's memory outlives it; what it shares from now on it finds there.
    mutating func remember(_ slot: Int32) -> Int? {
        guard clients[slot].isWitness, clients[slot].hasMedia else { return nil }
        if clients[slot].witness >= 0 { return clients[slot].witness }
        var sections: [Witness.Section] = []
        for index in clients[slot].sections.indices {
            var section = Witness.Section(
                publisher: clients[slot].sections[index].publisher, kind: clients[slot].sections[index].kind)
            if let stream = clients[slot].sections[index].stream {
                swap(&section.numbers, &clients[slot].streams[stream].verifier.numbers)
                section.gaps = clients[slot].streams[stream].gaps
            }
            sections.append(section)
        }
        clients[slot].witness = witnesses.count
        witnesses.append(Witness(person: clients[slot].person, sections: sections))
        return clients[slot].witness
    }

    /// A client that has just come takes over from its predecessor.
    mutating func inherit(_ slot: Int32, now: Instant) {
        guard let former = clients[slot].replaces, clients[slot].isWitness else { return }
        let old = slots[former]
        guard let witness = old.flatMap({ remember($0) }) ?? departed[former],
            witnesses[witness].sections.count == clients[slot].sections.count
        else { return }
        clients[slot].witness = witness
        witnesses[witness].overlapEnds = old == nil ? now : .distantFuture
    }

    /// What is to stay of a client that goes.
    mutating func settleAccounts(_ slot: Int32, now: Instant) {
        for stream in clients[slot].published {
            let key = StreamKey(publisher: clients[slot].publisher, isVideo: stream.kind == .video)
            result.sent[key, default: 0] &+= stream.sentInWindow
        }
        if let ledger = clients[slot].ledger {
            result.indices &+= ledger.count
            result.reusedIndices &+= ledger.reused
        }
        guard let witness = remember(slot) else { return }
        departed[clients[slot].id] = witness
        witnesses[witness].overlapEnds = now + Limits.overlapTime
    }

    /// Exchanges the numbers of a stream with those that the subscriber remembers: before a packet, and after it.
    mutating func exchangeNumbers(of stream: Int, _ slot: Int32) {
        let witness = clients[slot].witness
        guard witness >= 0 else { return }
        let section = clients[slot].streams[stream].section
        swap(
            &witnesses[witness].sections[section].numbers, &clients[slot].streams[stream].verifier.numbers)
    }
}
