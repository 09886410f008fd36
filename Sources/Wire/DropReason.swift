/// Why a packet went no further. Every drop names one; packets in = packets out + Σ drops + queued.
public enum DropReason: UInt8, Error, CaseIterable, Sendable, BitwiseCopyable {
    // Demultiplexing (RFC 7983)
    case emptyDatagram, oversizedDatagram, unknownFirstByte, unknownTuple
    // STUN and ICE
    case stunMalformed, stunUnknownUser, stunBadIntegrity, stunBadFingerprint, stunUnexpectedResponse
    case stunUnknownMethod, stunOverLimit
    // DTLS
    case dtlsFromUnvalidatedTuple, dtlsMalformed, dtlsBeforeNegotiation, dtlsAfterClose, dtlsOverLimit
    case dtlsUnauthenticatedAlert, dtlsUnexpected
    case applicationDataUnsupported
    // SCTP
    case sctpMalformed, sctpBadChecksum, sctpWrongPort, sctpWrongTag, sctpUnexpected, sctpDuplicate, sctpWindowFull
    case sctpUnknownStream, sctpViolation, sctpAfterClose
    // Data channels, by messages
    case dataNoChannel, dataBacklogFull, dataTooLong
    // SRTP
    case mediaFromUnvalidatedTuple, srtpNotReady, srtpMalformed, srtpBadTag, srtpReplayed, srtpTooOld
    case srtpTooManyStreams, srtpIndexExhausted, srtpBufferTooSmall
    // RTP and RTCP
    case rtpMalformed, rtcpMalformed, rtpUnknownPayloadType, rtpUnknownStream, rtpTooManyStreams
    case rtpDuplicate, rtxMalformed, rtxEmpty
    // Forwarding
    case noSubscriber, subscriberNotConnected, codecNotNegotiated, waitingForKeyFrame
    /// A layer that nobody, or not this subscriber, gets; padding without media; a payload or dependency
    /// descriptor that contradicts itself.
    case layerNotSelected, paddingOnly, payloadMalformed
    case staleSource, retransmissionUnavailable, retransmissionThrottled, pacerQueueFull
    /// The path to the subscriber carries next to nothing, or its reports stay away (RFC 8083).
    case circuitBroken
    /// It would come when its picture is not shown any more.
    case retransmissionTooLate
    // Egress
    case consentExpired, sendFailed, sendWouldBlock
    /// The process stood still, and its sessions may be somebody else's by now.
    case fenced
    // TURN
    case turnMalformed, turnNoAllocation, turnUnknownChannel, turnNoPermission, turnRateExceeded
    /// A stranger asks more often than it may; see `TURN.Limits.strangerRate`.
    case turnStrangerThrottled
    /// A connection over TCP or TLS beyond what the server, or one address, may have.
    case turnTooManyConnections, turnTooManyFromAddress
    // ICE over TCP
    case streamMalformed, streamNotOpen, streamBacklogFull, streamOverLimit, streamUnclaimed
    // Pipes between reactors
    case pipeUnknownStream, pipeNotConnected
    // Plain RTP
    /// From another address than the peer's, and nothing proves that it is the peer's.
    case plainForeignSource
    /// It is not known yet where the peer takes packets.
    case plainNoRemote
    /// At a port of a section that was not negotiated, or another section's SSRC.
    case plainUnknownStream
    // Media elements
    /// The element does not take packets as fast as they come.
    case elementBehind
    // Frames from packets, by packets
    /// A far sequence number that the next packet did not confirm, or what was held before one that was confirmed.
    case sequenceJump
    /// Its frame was given up before it came; parts of its frame are missing; the frame came when its time was over.
    case packetTooLate, frameIncomplete, frameTooLate
    /// Frames that nobody fetches, or that never end.
    case frameBufferFull

    /// The label in metrics: the case's name in snake case.
    public var label: String {
        var label = ""
        for character in "\(self)" {
            if character.isUppercase { label.append("_") }
            label.append(contentsOf: character.lowercased())
        }
        return label
    }
}

/// One counter per ``DropReason``; plain data, wraps instead of trapping.
public struct DropCounters: Sendable {
    private var counts: [UInt64]

    public init() { counts = Array(repeating: 0, count: DropReason.allCases.count) }

    public mutating func count(_ reason: DropReason, _ packets: UInt64 = 1) {
        counts[Int(reason.rawValue)] &+= packets
    }

    public mutating func add(_ other: DropCounters) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    public subscript(reason: DropReason) -> UInt64 { counts[Int(reason.rawValue)] }

    public var total: UInt64 { counts.reduce(0, &+) }
}
