import Forwarding
import Session

extension InboundStreamStatistics {
    init(_ stream: InboundStatistics) {
        self.init(ssrc: stream.ssrc, kind: stream.kind)
        rid = stream.rid
        codec = stream.codec
        packetsReceived = stream.packetsReceived
        bytesReceived = stream.bytesReceived
        packetsLost = stream.packetsLost
        fractionLost = stream.fractionLost
        jitter = stream.jitter
        nackCount = stream.nackCount
        pliCount = stream.pliCount
        firCount = stream.firCount
    }
}

extension OutboundStreamStatistics {
    init(_ stream: OutboundStatistics) {
        self.init(ssrc: stream.ssrc, kind: stream.kind)
        rid = stream.rid
        codec = stream.codec
        packetsSent = stream.packetsSent
        bytesSent = stream.bytesSent
        packetsRetransmitted = stream.packetsRetransmitted
        packetsLost = stream.packetsLost
        fractionLost = stream.fractionLost
        roundTripTime = stream.roundTripTime
        nackCount = stream.nackCount
        pliCount = stream.pliCount
        firCount = stream.firCount
        remb = stream.remb
    }
}
