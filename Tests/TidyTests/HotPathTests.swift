import Testing

/// Code that runs for each packet allocates nothing, waits for nothing and tells nobody.
@Suite struct HotPathTests {
    static let files = [
        "Sources/Reactor/ReactorWorld+Receive.swift", "Sources/Reactor/ReactorWorld+Send.swift",
        "Sources/Reactor/Burst.swift", "Sources/Reactor/EgressBatch.swift", "Sources/Reactor/ReceiveBatch.swift",
        "Sources/Reactor/Streams/StreamTable.swift", "Sources/Reactor/Streams/StreamConnection.swift",
        "Sources/Wire/SlotIndex.swift",
        "Sources/Transport/PeerTransport+Receive.swift", "Sources/Transport/PeerTransport+Send.swift",
        "Sources/Transport/Demultiplexer.swift", "Sources/Transport/MediaTransport.swift",
        "Sources/Transport/PipeTransport.swift", "Sources/Transport/PlainTransport.swift",
        "Sources/Transport/PlainSection.swift", "Sources/Transport/PlainSection+Control.swift",
        "Sources/Transport/SourceLatch.swift", "Sources/Reactor/Plain/ReactorWorld+PlainPackets.swift",
        "Sources/Forwarding/Router+Receive.swift", "Sources/Forwarding/Router+Rewrite.swift",
        "Sources/Forwarding/HeaderRewriter.swift", "Sources/Forwarding/SequenceFilter.swift",
        "Sources/Forwarding/RetransmissionCache.swift", "Sources/Forwarding/Forward.swift",
        "Sources/Forwarding/Router+Demultiplexing.swift", "Sources/Forwarding/Router+Copy.swift",
        "Sources/Forwarding/RewritingSpan.swift", "Sources/Forwarding/LayerSelector.swift",
        "Sources/Forwarding/FrameDescription.swift", "Sources/Forwarding/LayerSize.swift",
        "Sources/Forwarding/Router+Prefetch.swift", "Sources/Forwarding/SentNumbers.swift", "Sources/Forwarding/Places.swift",
        "Sources/Forwarding/Router+Redundancy.swift", "Sources/Forwarding/RecoveredAudio.swift",
        "Sources/Forwarding/RedundancyGate.swift", "Sources/RTP/RedundantAudio.swift",
        "Sources/Congestion/SendHistory.swift", "Sources/Congestion/Pacer.swift", "Sources/Congestion/Prober.swift",
        "Sources/Congestion/CongestionController.swift", "Sources/Congestion/FeedbackDigest.swift",
        "Sources/SRTP/InboundContext.swift", "Sources/SRTP/OutboundContext.swift", "Sources/SRTP/SessionCipher.swift",
        "Sources/SRTP/PacketHeader.swift", "Sources/SRTP/ReplayWindow.swift", "Sources/SRTP/StreamTable.swift",
    ]

    static let forbidden = ["any", "await", "class", "Dictionary", "Mutex", "logger", "Task"]

    @Test(arguments: files)
    func aHotFileHasNothingSlow(path: String) throws {
        let file = try #require(Repository.production.first { $0.path == path }, "\(path) is gone: correct the list")
        var violations: [Violation] = []
        for (index, code) in file.code.enumerated() {
            for word in Self.forbidden where code.contains(word) && StyleTests.hasWord(word, in: code) {
                violations.append(file.violation(index + 1, "no `\(word)` on the packet path"))
            }
            if code.contains("$0") { violations.append(file.violation(index + 1, "no closure on the packet path")) }
            if code.contains(/\[\w+ ?: ?\w+\]/) {
                violations.append(file.violation(index + 1, "no dictionary on the packet path"))
            }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }
}
