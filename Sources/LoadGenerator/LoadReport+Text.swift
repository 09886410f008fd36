extension LoadReport {
    /// The report as a table for people.
    public var text: String {
        var lines: [(String, String)] = []
        func add(_ name: String, _ value: String) { lines.append((name, value)) }
        add(
            "clients", "\(publishers) publishers, \(subscribers) subscribers" + (rogues > 0 ? ", \(rogues) rogues" : "")
        )
        add("SRTP", srtpProfiles.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        add("window", "\(Self.decimal(seconds, 1)) s" + (isInterrupted ? ", interrupted" : ""))
        add(
            "joins",
            "\(joins.succeeded) of \(joins.attempted), \(joins.retries) retries; "
                + "time to media \(Self.milliseconds(joins.time))")
        for (failure, count) in joins.failures.sorted(by: { $0.value > $1.value }) {
            add("", "\(count) × \(failure)")
        }
        add(
            "delivered",
            "\(media.delivered) of \(media.expected) packets; \(Self.short(media.deliveredPerSecond))/s, "
                + "\(Self.short(media.deliveredBitsPerSecond))bit/s")
        add(
            "lost",
            "\(media.lost) (\(Self.percent(media.lossRatio))); before repair "
                + "\(Self.percent(media.lossRatioBeforeRepair))")
        add(
            "zero tolerance",
            "\(media.corrupt) corrupt, \(media.misdelivered) misdelivered, \(media.duplicated) duplicated "
                + "(\(media.verified) checksums verified)")
        add(
            "RTP streams",
            "\(media.sequenceErrors) sequence errors, \(media.timestampErrors) timestamp errors, "
                + "\(media.extraStreams) extra SSRCs, \(media.refused) refused by SRTP")
        add(
            "repair",
            "\(media.nacksSent) NACKs, \(media.repaired) repaired, \(media.redundantRepairs) redundant; "
                + "publishers sent \(media.retransmitted) again, \(media.keyFrameRequests) key frames asked for")
        let open = gaps.filter(\.isOpen).count
        add(
            "standstill",
            gaps.isEmpty
                ? "none"
                : "\(gaps.count) times, \(Self.milliseconds(gapTimes)), at most \(Self.decimal(gapTimes.max, 0)) ms"
                    + (open > 0 ? "; \(open) streams at the end" : ""))
        if reconnects.moved + reconnects.lost > 0 {
            add(
                "connected anew",
                "\(reconnects.moved) with media, \(reconnects.lost) without; \(reconnects.succeeded) succeeded, "
                    + "\(reconnects.failed) failed; \(Self.milliseconds(reconnects.time))")
        }
        if indices.watched > 0 {
            add("SRTP indices", "\(indices.watched) watched, \(indices.reused) used twice")
        }
        add("latency", "\(Self.milliseconds(latency)); direct \(Self.milliseconds(directLatency))")
        add("added latency", Self.milliseconds(addedLatency))
        if let server {
            add(
                "server CPU",
                "\(Self.decimal(server.microsecondsPerPacket, 2)) µs per delivered packet "
                    + "(user \(Self.decimal(server.userTime, 2)) s, system \(Self.decimal(server.systemTime, 2)) s, "
                    + "\(Self.percent(server.load)) of a core, \(server.processes) processes)")
        }
        add(
            "generator",
            "threads \(generator.threadLoads.map { Self.percent($0) }.joined(separator: ", ")) of a core; "
                + "\(generator.receiveOverflow) overflows; frames late \(Self.milliseconds(generator.sendLateness)); "
                + "read after \(Self.milliseconds(generator.readDelay))")
        if generator.isOverloaded {
            add("", "GENERATOR OVERLOADED: the figures are its own, not the server's. Use --threads or fewer clients.")
        }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value
        }.joined(separator: "\n")
    }

    /// Why a run did not pass: one sentence for each reason; empty when it did.
    ///
    /// - Parameter maximumLoss: a ratio, after repair.
    public func failures(maximumLoss: Double) -> [String] {
        var reasons: [String] = []
        if media.corrupt > 0 { reasons.append("\(media.corrupt) packets are corrupt") }
        if media.misdelivered > 0 { reasons.append("\(media.misdelivered) packets are misdelivered") }
        if media.duplicated > 0 { reasons.append("\(media.duplicated) packets came twice") }
        if indices.reused > 0 { reasons.append("\(indices.reused) SRTP indices were used twice") }
        if media.lossRatio > maximumLoss {
            reasons.append("loss \(Self.percent(media.lossRatio)) is above \(Self.percent(maximumLoss)) (--max-loss)")
        }
        if joins.failed > 0 { reasons.append("\(joins.failed) of \(joins.attempted) subscribers did not come in") }
        if reconnects.failed > 0 { reasons.append("\(reconnects.failed) clients did not come back") }
        if !isInterrupted, subscribers > 0, media.delivered == 0 { reasons.append("no media was delivered") }
        return reasons
    }

    static func milliseconds(_ quantiles: Quantiles) -> String {
        guard quantiles.count > 0 else { return "not measured" }
        return "p50 \(decimal(quantiles.p50, 2)), p95 \(decimal(quantiles.p95, 2)), p99 \(decimal(quantiles.p99, 2)) ms"
    }

    static func percent(_ ratio: Double) -> String { decimal(ratio * 100, ratio < 0.01 ? 4 : 1) + " %" }

    /// With a prefix of thousands and a space: `12.3 k`.
    static func short(_ value: Double) -> String {
        switch value {
        case 1e9...: decimal(value / 1e9, 2) + " G"
        case 1e6...: decimal(value / 1e6, 2) + " M"
        case 1e3...: decimal(value / 1e3, 1) + " k"
        default: decimal(value, 0) + " "
        }
    }

    /// Rounded to `places` decimals.
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(scaled)" }
        let whole = scaled / Int64(scale)
        let rest = String(scaled % Int64(scale))
        return "\(sign)\(whole)." + String(repeating: "0", count: places - rest.count) + rest
    }
}

extension LoadProgress {
    /// One line for a terminal.
    public var text: String {
        var line = "\(phase.rawValue): \(publishers) publishers, \(subscribers) subscribers"
        if failedJoins > 0 { line += " (\(failedJoins) failed)" }
        line += ", \(LoadReport.short(deliveredPerSecond))packets/s, \(LoadReport.short(deliveredBitsPerSecond))bit/s"
        if p99 > 0 { line += ", p99 \(LoadReport.decimal(p99, 1)) ms" }
        line += ", generator \(LoadReport.decimal(threadLoad * 100, 0)) %"
        let wrong = corrupt + misdelivered + duplicated
        if wrong > 0 { line += ", \(corrupt) corrupt, \(misdelivered) misdelivered, \(duplicated) duplicated" }
        return line
    }
}
