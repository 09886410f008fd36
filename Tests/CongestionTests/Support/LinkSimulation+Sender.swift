import Wire

@testable import Congestion

extension LinkSimulation {
    mutating func advance(_ flow: Int, _ now: Double) {
        let spec = model.flows[flow]
        guard now >= spec.start else { return }
        report(flow, now)
        takeFeedback(flow, now)
        guard now < spec.end else { return }
        if senders[flow].controller.deadline <= instant(now) { senders[flow].controller.advance(to: instant(now)) }
        produce(flow, now)
        pace(flow, now)
    }

    /// The receiver writes its feedback: 68 bytes at 5 % of the rate, 50 to 250 ms apart.
    private mutating func report(_ flow: Int, _ now: Double) {
        guard now >= senders[flow].nextFeedback else { return }
        let rate = Double(senders[flow].controller.estimate)
        senders[flow].nextFeedback = now + min(max(68 * 8 / (0.05 * rate), 0.05), 0.25)
        let limit = Int64(now * 1e9) + 77_000_000_000
        var results: [PacketResult] = []
        var kept: [PacketResult] = []
        for result in senders[flow].received {
            if result.arrival > limit {
                kept.append(result)
                continue
            }
            while senders[flow].reported < result.sequence {
                results.append(.missing(senders[flow].reported))
                senders[flow].reported += 1
            }
            senders[flow].reported = max(senders[flow].reported, result.sequence + 1)
            results.append(result)
        }
        senders[flow].received = kept
        guard !results.isEmpty else { return }
        senders[flow].feedback.append((now + model.flows[flow].delay, results))
    }

    private mutating func takeFeedback(_ flow: Int, _ now: Double) {
        while let first = senders[flow].feedback.first, first.at <= now {
            senders[flow].feedback.removeFirst()
            if model.flows[flow].hasFeedback {
                senders[flow].controller.receive(first.results.span, now: instant(now))
            } else {
                let lost = first.results.count { !$0.isReceived }
                senders[flow].controller.receiveReceiverReport(
                    lossFraction: Double(lost) / Double(first.results.count),
                    roundTrip: .nanoseconds(Int64(model.flows[flow].delay * 2e9)), now: instant(now))
            }
        }
    }

    /// The encoder follows the target 100 ms late; frame sizes vary.
    private mutating func produce(_ flow: Int, _ now: Double) {
        let spec = model.flows[flow]
        let isPaused = spec.pause?.contains(now) ?? false
        if isPaused != senders[flow].isPaused {
            senders[flow].isPaused = isPaused
            senders[flow].controller.setAllocation(
                maximum: isPaused ? 30_000 : UInt64(spec.largestRate * 1.07) + 40_000, minimum: 0, padding: 0,
                now: instant(now))
        }
        if now >= senders[flow].nextTarget {
            senders[flow].nextTarget = now + 0.01
            senders[flow].targets.append((now, Double(senders[flow].controller.targetRate)))
        }
        while let first = senders[flow].targets.first, first.at + 0.1 <= now {
            senders[flow].encoderRate = first.rate
            senders[flow].targets.removeFirst()
        }
        if now >= senders[flow].nextAudio, !isPaused {
            senders[flow].nextAudio += 0.02
            senders[flow].audio += 1
        }
        if isPaused { senders[flow].nextAudio = max(senders[flow].nextAudio, now) }
        guard now >= senders[flow].nextFrame else { return }
        senders[flow].nextFrame += 1.0 / 30
        guard !isPaused else { return }
        // 20 kbit/s of audio and headers of both are the target's as well.
        let media = (senders[flow].encoderRate - 39_200) * 1_200 / 1_248
        let rate = min(max(media, model.smallestRate), spec.largestRate)
        var bytes = max(rate / 30 / 8 * (1 + 0.1 * min(max(gaussian(), -3), 3)), 100)
        while bytes > 0 {
            let size = min(bytes, packetBytes)
            senders[flow].queue.append((size + 48, now))
            senders[flow].queuedBytes += Int(size + 48)
            bytes -= size
        }
    }

    private mutating func pace(_ flow: Int, _ now: Double) {
        let isWaiting = senders[flow].audio > 0 || senders[flow].queueHead < senders[flow].queue.count
        guard isWaiting || now >= senders[flow].nextPacing else { return }
        senders[flow].nextPacing = now + 0.01
        let instant = instant(now)
        senders[flow].controller.setBacklog(senders[flow].queuedBytes)
        senders[flow].pacer.setRates(
            pacing: senders[flow].controller.pacingRate, padding: senders[flow].controller.paddingRate,
            burst: senders[flow].controller.pacingBurst, now: instant)
        while let probe = senders[flow].controller.nextProbe(now: instant) {
            senders[flow].pacer.startProbe(probe, now: instant)
        }
        while true {
            let head = senders[flow].queueHead
            var backlog = Pacer.Backlog(audio: senders[flow].audio * 98, video: senders[flow].queuedBytes)
            if head < senders[flow].queue.count { backlog.oldest = self.instant(senders[flow].queue[head].at) }
            let room = senders[flow].controller.windowRoom
            switch senders[flow].pacer.decide(backlog, windowRoom: room, now: instant) {
            case .wait:
                if senders[flow].pacer.deadline < .distantFuture { senders[flow].nextPacing = 0 }
                return
            case .padding(let bytes, let probe):
                send(flow, Double(bytes + 48), .padding, probe, now)
            case .send(.audio, let probe):
                senders[flow].audio -= 1
                send(flow, 98, .audio, probe, now)
            case .send(let kind, let probe):
                send(flow, senders[flow].queue[head].size, kind, probe, now)
                senders[flow].queuedBytes -= Int(senders[flow].queue[head].size)
                senders[flow].queueHead += 1
                if head > 200 {
                    senders[flow].queue.removeFirst(head + 1)
                    senders[flow].queueHead = 0
                }
            }
        }
    }

    private mutating func send(_ flow: Int, _ size: Double, _ kind: SentPacket.Kind, _ probe: Int32, _ now: Double) {
        let sequence = senders[flow].sequence
        senders[flow].sequence += 1
        senders[flow].pacer.sent(Int(size), kind: kind, probeCluster: probe, now: instant(now))
        senders[flow].controller.sent(
            SentPacket(sequence: sequence, sentAt: instant(now), size: Int32(size), kind: kind, probeCluster: probe))
        enqueue(Packet(flow: flow, sequence: sequence, size: size, queuedAt: now), now)
    }

    /// NewReno: slow start, one packet per window and round trip, half on loss once per round trip.
    mutating func advanceTCP(_ index: Int, _ now: Double) {
        guard now >= tcps[index].startsAt, now < tcps[index].endsAt else { return }
        while let first = tcps[index].acknowledgements.first, first.at <= now {
            tcps[index].acknowledgements.removeFirst()
            tcps[index].inFlight -= 1
            if first.lost {
                if tcps[index].remaining.isFinite { tcps[index].remaining += 1 }
                guard now > tcps[index].recoveryUntil else { continue }
                tcps[index].window = max(tcps[index].window / 2, 2)
                tcps[index].threshold = tcps[index].window
                tcps[index].recoveryUntil =
                    now + 0.1 + queuedBytes * 8 / (model.capacity.last { $0.from <= now }?.rate ?? 1)
            } else if tcps[index].window < tcps[index].threshold {
                tcps[index].window += 1
            } else {
                tcps[index].window += 1 / tcps[index].window
            }
        }
        while Double(tcps[index].inFlight) < tcps[index].window, tcps[index].remaining > 0 {
            tcps[index].inFlight += 1
            tcps[index].remaining -= 1
            enqueue(Packet(flow: -1 - index, sequence: 0, size: tcpBytes, queuedAt: now), now)
        }
        if tcps[index].remaining <= 0, tcps[index].inFlight == 0 {
            tcps[index] = TCP(remaining: transferPackets(), startsAt: now + exponential(10))
        }
    }
}
