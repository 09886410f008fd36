extension LoadReport {
    /// Sums up what the threads counted in a window of `seconds`.
    ///
    /// - Parameter hasEncodings: the server chooses between encodings, so that only sequence numbers say what a
    ///   subscriber should have got.
    mutating func fill(_ parts: [ThreadResult], seconds: Double, hasEncodings: Bool) {
        self.seconds = seconds
        var counters = VerificationCounters()
        var latencies = (
            media: LatencyHistogram(), direct: LatencyHistogram(), lateness: LatencyHistogram(),
            reading: LatencyHistogram()
        )
        var sent: [StreamKey: UInt64] = [:]
        var sections: [StreamKey: Int] = [:]
        for part in parts {
            counters += part.counters
            latencies.media.merge(part.latency)
            latencies.direct.merge(part.directLatency)
            latencies.lateness.merge(part.lateness)
            latencies.reading.merge(part.readDelay)
            sent.merge(part.sent, uniquingKeysWith: &+)
            sections.merge(part.sections, uniquingKeysWith: +)
            gaps += part.gaps
            if !part.pictures.isEmpty { pictures = (pictures ?? []) + part.pictures }
            indices.watched &+= part.indices
            indices.reused &+= part.reusedIndices
            generator.receiveOverflow &+= part.receiveOverflow
            generator.sendFailures &+= part.sendFailures
            generator.threadLoads.append(part.load)
            media.keyFrameRequests &+= part.keyFrameRequests
            media.nacksSent &+= part.nacksSent
            media.retransmitted &+= part.retransmitted
        }
        fill(counters)
        fillGaps()
        media.sent = sent.values.reduce(0, &+)
        for (key, count) in sections where !(hasEncodings && key.isVideo) {
            media.expected &+= UInt64(count) &* (sent[key] ?? 0)
        }
        if hasEncodings {
            // Audio beside it counts by sequence numbers, too.
            media.expected = counters.delivered &+ counters.gapsOpened &- min(counters.gapsFilled, counters.gapsOpened)
        }
        media.lost = media.expected > media.delivered ? media.expected - media.delivered : 0
        if media.expected > 0 {
            media.lossRatio = Double(media.lost) / Double(media.expected)
            media.lossRatioBeforeRepair = Double(media.lost &+ media.repaired) / Double(media.expected)
        }
        if seconds > 0 {
            media.deliveredPerSecond = Double(media.delivered) / seconds
            media.deliveredBitsPerSecond = Double(counters.deliveredBytes) * 8 / seconds
        }
        latency = latencies.media.quantiles
        directLatency = latencies.direct.quantiles
        addedLatency = latency.minus(directLatency)
        generator.sendLateness = latencies.lateness.quantiles
        generator.readDelay = latencies.reading.quantiles
        generator.isOverloaded =
            generator.receiveOverflow > 0 || generator.threadLoads.contains { $0 > Limits.healthyLoad }
        if media.delivered > 0, let used = server {
            server?.microsecondsPerPacket = (used.userTime + used.systemTime) * 1e6 / Double(media.delivered)
            server?.load = seconds > 0 ? (used.userTime + used.systemTime) / seconds : 0
        }
    }

    private mutating func fillGaps() {
        pictures?.sort { $0.subscriber < $1.subscriber }
        gaps.sort { ($0.at, $0.subscriber, $0.kind) < ($1.at, $1.subscriber, $1.kind) }
        var times = LatencyHistogram()
        for gap in gaps { times.record(nanoseconds: UInt64(max(0, gap.milliseconds) * 1e6)) }
        gapTimes = times.quantiles
    }

    private mutating func fill(_ counters: VerificationCounters) {
        media.delivered = counters.delivered
        media.repaired = counters.repaired
        media.corrupt = counters.corrupt
        media.misdelivered = counters.misdelivered
        media.duplicated = counters.duplicated
        media.redundantRepairs = counters.redundantRepairs
        media.sequenceErrors = counters.sequenceErrors
        media.timestampErrors = counters.timestampErrors
        media.extraStreams = counters.extraStreams
        media.refused = counters.refused
        media.verified = counters.verified
    }
}

extension LoadReport.Quantiles {
    /// Quantile by quantile, not below 0.
    func minus(_ other: LoadReport.Quantiles) -> LoadReport.Quantiles {
        var result = self
        result.p50 = Swift.max(0, p50 - other.p50)
        result.p95 = Swift.max(0, p95 - other.p95)
        result.p99 = Swift.max(0, p99 - other.p99)
        result.max = Swift.max(0, max - other.max)
        return result
    }
}
