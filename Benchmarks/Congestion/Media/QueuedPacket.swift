import Congestion

/// An RTP packet before it leaves.
struct QueuedPacket: BitwiseCopyable, Sendable {
    /// Bytes on the wire.
    var size: Int32
    var frame: Int32 = 0
    var frameCount: Int16 = 1
    var isKey = false
    var isLast = false
    var rtpSequence: UInt64 = 0
    /// Nanoseconds.
    var queued: UInt64
}

/// What waits for the pacer.
struct SendQueues: Sendable {
    private var audio = PacketRing<QueuedPacket>(filler: QueuedPacket(size: 0, queued: 0))
    private var retransmissions = PacketRing<QueuedPacket>(filler: QueuedPacket(size: 0, queued: 0))
    private var video = PacketRing<QueuedPacket>(filler: QueuedPacket(size: 0, queued: 0))
    private(set) var audioBytes = 0
    private(set) var retransmissionBytes = 0
    private(set) var videoBytes = 0

    /// When the oldest packet came, in nanoseconds.
    var oldest: UInt64? {
        var oldest: UInt64?
        if !audio.isEmpty { oldest = audio.first.queued }
        if !retransmissions.isEmpty { oldest = min(oldest ?? .max, retransmissions.first.queued) }
        if !video.isEmpty { oldest = min(oldest ?? .max, video.first.queued) }
        return oldest
    }

    /// When the oldest video packet came, in nanoseconds.
    var oldestVideo: UInt64? { video.isEmpty ? nil : video.first.queued }

    mutating func append(_ packet: QueuedPacket, kind: SentPacket.Kind) {
        switch kind {
        case .audio:
            audio.append(packet)
            audioBytes += Int(packet.size)
        case .retransmission, .padding:
            retransmissions.append(packet)
            retransmissionBytes += Int(packet.size)
        case .video:
            video.append(packet)
            videoBytes += Int(packet.size)
        }
    }

    mutating func next(_ kind: SentPacket.Kind) -> QueuedPacket? {
        switch kind {
        case .audio:
            guard let packet = audio.popFirst() else { return nil }
            audioBytes -= Int(packet.size)
            return packet
        case .retransmission:
            guard let packet = retransmissions.popFirst() else { return nil }
            retransmissionBytes -= Int(packet.size)
            return packet
        case .video:
            guard let packet = video.popFirst() else { return nil }
            videoBytes -= Int(packet.size)
            return packet
        case .padding: return nil
        }
    }

    mutating func removeAll() {
        audio.removeAll()
        retransmissions.removeAll()
        video.removeAll()
        (audioBytes, retransmissionBytes, videoBytes) = (0, 0, 0)
    }
}
