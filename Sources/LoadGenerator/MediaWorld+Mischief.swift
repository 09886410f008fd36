import CLinux
import RTP
import Wire

/// What rogues do once media has come.
extension MediaWorld {
    /// Sequence numbers that a NACK storm asks for at a time.
    private static let stormNumbers = 500

    mutating func beginMischief(_ slot: Int32, now: Instant) {
        switch clients[slot].rogue {
        case .silent:
            clients[slot].isMute = true
            clients[slot].nextReport = .distantFuture
            clients[slot].nextTransportFeedback = .distantFuture
        case .noDrain:
            _ = apus_epoll_remove(epoll, clients[slot].socket.descriptor)
        default:
            clients[slot].nextMischief = now
            wake(slot, at: now)
        }
    }

    mutating func doMischief(_ slot: Int32, now: Instant) {
        guard let rogue = clients[slot].rogue else { return }
        let sender = clients[slot].ssrc
        switch rogue {
        case .nackStorm:
            clients[slot].nextMischief = now + .milliseconds(10)
            forEachMedia(of: slot) { world, stream, newest in
                world.wanted.removeAll(keepingCapacity: true)
                for back in (0..<Self.stormNumbers).reversed() { world.wanted.append(newest.advanced(by: -back)) }
                world.scratch.writeNack(senderSSRC: sender, mediaSSRC: stream, sequenceNumbers: world.wanted)
            }
        case .pliStorm:
            // Timers tick every 5 ms.
            clients[slot].nextMischief = now + .milliseconds(5)
            forEachMedia(of: slot) { world, stream, _ in
                for _ in 0..<5 { world.scratch.writePictureLossIndication(senderSSRC: sender, mediaSSRC: stream) }
            }
        case .rembZero, .rembHuge:
            clients[slot].nextMischief = now + .milliseconds(50)
            let bits: UInt64 = rogue == .rembZero ? 0 : 1 << 63
            forEachMedia(of: slot) { world, stream, _ in
                world.scratch.writeMaximumBitrate(senderSSRC: sender, bitsPerSecond: bits, sources: [stream])
            }
        case .falseTWCC:
            clients[slot].nextMischief = now + .milliseconds(10)
            var lies = TransportFeedbackRecorder()
            let first = SequenceNumber(UInt16(truncatingIfNeeded: clients[slot].random.next()))
            for step in 0..<200 {
                lies.record(first.advanced(by: step * 3), arrival: now + .milliseconds(Int64(step) * 40))
            }
            forEachMedia(of: slot) { world, stream, _ in
                _ = lies.writeFeedback(senderSSRC: sender, mediaSSRC: stream, to: &world.scratch)
            }
        case .silent, .noDrain: clients[slot].nextMischief = .distantFuture
        }
    }

    /// One compound for each media stream.
    private mutating func forEachMedia(
        of slot: Int32, _ write: (inout MediaWorld, UInt32, SequenceNumber) -> Void
    ) {
        for index in clients[slot].streams.indices where clients[slot].streams[index].repairs == nil {
            scratch.reset()
            write(&self, clients[slot].streams[index].ssrc, clients[slot].streams[index].newest)
            sendCompound(of: slot)
        }
    }
}
