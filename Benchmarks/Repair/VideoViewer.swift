import RTP
import Wire

/// A browser's video receiver: frames are shown in order, from a key frame on, as soon as all their packets are there.
struct VideoViewer {
    private let begin: Instant
    private let isRepaired: Bool
    private var nacks: ViewerNacks
    private var newest: Int?
    private var packets: [Int: VideoPacket] = [:]
    /// First packets of key frames that have come and were not shown.
    private var keyStarts: [Int] = []
    /// What has to come next for the next frame; nil before the first key frame.
    private var expected: Int?
    private var lastShown: Instant
    private var lastRequest = Instant.origin
    /// When each frame was shown, by its number.
    private(set) var shown: [(frame: Int, at: Instant)] = []

    init(isRepaired: Bool, roundTrip: Interval, begin: Instant) {
        self.isRepaired = isRepaired
        self.begin = begin
        nacks = ViewerNacks(roundTrip: roundTrip)
        lastShown = begin
    }

    mutating func receive(_ number: UInt16, _ packet: VideoPacket, now: Instant) {
        let reference = newest ?? 0x1_0000 + Int(number)
        let extended = reference + Int(Int16(bitPattern: number &- UInt16(truncatingIfNeeded: reference)))
        newest = max(reference, extended)
        nacks.receive(extended, now: now)
        guard extended >= expected ?? .min else { return }
        packets[extended] = packet
        if packet.isKey, packet.isFirst { keyStarts.append(extended) }
        advance(now)
        for start in keyStarts.sorted() where start >= expected ?? .min && isComplete(from: start) {
            expected = start
            advance(now)
        }
    }

    private func isComplete(from start: Int) -> Bool {
        var number = start
        while let packet = packets[number] {
            if packet.isLast { return true }
            number += 1
        }
        return false
    }

    private mutating func advance(_ now: Instant) {
        while let start = expected, isComplete(from: start) {
            var number = start
            while let packet = packets.removeValue(forKey: number) {
                number += 1
                guard packet.isLast else { continue }
                shown.append((packet.frame, now))
                lastShown = now
                break
            }
            expected = number
        }
        guard let expected else { return }
        if keyStarts.contains(where: { $0 < expected }) { keyStarts.removeAll { $0 < expected } }
        if packets.count > 2_000 { packets = packets.filter { $0.key >= expected } }
        nacks.forget(before: expected)
    }

    /// What it asks for now.
    mutating func poll(now: Instant) -> (nacks: [SequenceNumber], wantsKeyFrame: Bool) {
        guard isRepaired else {
            // Whoever cannot ask for packets asks for a key frame as soon as one is missing, and each second again.
            let isStuck = newest.map { newest in expected.map { newest > $0 } ?? true } ?? false
            return ([], isStuck && now - lastShown > .milliseconds(50) && request(every: .seconds(1), now))
        }
        // libwebrtc waits for three seconds for a frame, for the first one 200 ms.
        let patience: Interval = expected == nil ? .milliseconds(200) : .seconds(3)
        return (nacks.due(now: now), now - lastShown > patience && request(every: patience, now))
    }

    private mutating func request(every interval: Interval, _ now: Instant) -> Bool {
        guard now - lastRequest >= interval else { return false }
        lastRequest = now
        return true
    }
}
