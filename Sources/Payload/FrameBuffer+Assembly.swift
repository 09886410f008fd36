import Wire

extension FrameBuffer {
    /// Makes the frame of the scan; nil when its payloads contradict each other.
    mutating func release(now: Instant) -> EncodedFrame? {
        guard let next, let timestamp = scan.timestamp else { return nil }
        guard let bytes = assemble(next..<scan.end) else {
            drop(next..<scan.end, as: .payloadMalformed)
            lose()
            startIsKnown = true
            return nil
        }
        let isKeyFrame = scan.contents.isKeyFrame
        var frame = EncodedFrame(
            timestamp: timestamp, bytes: bytes, isKeyFrame: isKeyFrame, size: frameSize(), arrival: scan.arrival,
            followsLoss: followsLoss)
        if case .playout = policy {
            let due = timing.due(timestamp)
            frame.playoutTime = due
            if scan.arrival > due { counters.lateFrames &+= 1 }
        }
        counters.frames &+= 1
        counters.framedPackets &+= UInt64(scan.packetCount)
        lastPictureID = store[scan.start]?.part.pictureID
        knowsParameters = knowsParameters || !parameterSets.isEmpty || scan.contents.contains(.sequenceParameters)
        if isKeyFrame { needsKeyFrame = false }
        parameterSets = []
        followsLoss = false
        finish(next..<scan.end)
        return frame
    }

    /// Forgets packets whose contents went into a frame.
    private mutating func finish(_ range: Range<Int64>) {
        for number in range {
            if let packet = store.remove(number), packet.payload.isEmpty { counters.paddingPackets &+= 1 }
        }
        moveOn(to: range.upperBound)
        startIsKnown = true
    }

    private func assemble(_ range: Range<Int64>) -> [UInt8]? {
        // Headers of NAL units grow by less than what is reserved for each packet.
        var assembler = FrameAssembler(
            format, prefix: parameterSets, capacity: scan.byteCount + 4 * scan.packetCount)
        for number in range {
            guard let packet = store[number], !packet.payload.isEmpty else { continue }
            do throws(ParseError) {
                try unsafe assembler.append(packet.payload.span.bytes)
            } catch {
                return nil
            }
        }
        return assembler.isWhole ? assembler.bytes : nil
    }

    /// Of a VP9 picture, the size of the highest layer that is there.
    private func frameSize() -> FrameSize? {
        if scan.spatialLayer > 0, scan.contents.isKeyFrame, let first = store[scan.start] {
            return unsafe FrameSize(vp9Payload: first.payload.span.bytes, spatialLayer: scan.spatialLayer)
        }
        for number in scan.start..<scan.end {
            if let size = store[number]?.part.size { return size }
        }
        return nil
    }

    /// H.264: parameter sets and other units without a picture are no frame, though some senders give them a timestamp
    /// of their own. They go with the next picture.
    mutating func keepParameterSets(_ range: Range<Int64>) {
        if scan.contents.contains(.sequenceParameters) { parameterSets = [] }
        guard let bytes = assemble(range), bytes.count <= 2 * Limits.parameterSets * Limits.parameterSetLength else {
            drop(range, as: .payloadMalformed)
            startIsKnown = true
            return
        }
        parameterSets = bytes
        counters.framedPackets &+= UInt64(scan.packetCount)
        finish(range)
    }
}
