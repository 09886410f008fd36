import Forwarding
import ICE
import SRTP
import Session
import Transport
import Wire

/// What the cores say, in the words of the session model.
extension ReactorWorld {
    /// An event of one peer's transport.
    mutating func report(_ event: PeerTransport.Event, of slot: Int32, now: Instant) {
        let endpoint = peers[slot].endpoint
        switch event {
        case .iceStateChanged(let state):
            emit(.iceStateChanged(endpoint, ICEState(state)), for: slot)
        case .pairSelected(let local, let remote, _):
            peers[slot].localCandidate = local.sdp
            peers[slot].remoteCandidate = remote.sdp
            emit(.candidatePairSelected(endpoint, local: local.sdp, remote: remote.sdp), for: slot)
        case .dtlsStateChanged(let phase):
            emit(.dtlsStateChanged(endpoint, DTLSState(phase)), for: slot)
        case .data(let event):
            report(event, of: slot, now: now)
        }
    }

    /// An event of the router.
    func report(_ event: ForwardingEvent) {
        switch event {
        case .mediaFlowingIn(let index, let kind, let isFlowing):
            guard peers.contains(index.rawValue) else { return }
            emit(.mediaFlowingIn(peers[index.rawValue].endpoint, kind, isFlowing: isFlowing), for: index.rawValue)
        case .mediaFlowingOut(let index, let kind, let isFlowing):
            guard peers.contains(index.rawValue) else { return }
            emit(.mediaFlowingOut(peers[index.rawValue].endpoint, kind, isFlowing: isFlowing), for: index.rawValue)
        case .codecInUse(let index, let kind, let codec):
            guard peers.contains(index.rawValue) else { return }
            emit(.codecInUse(peers[index.rawValue].endpoint, kind, codec), for: index.rawValue)
        case .mediaState(let index, let isConnected):
            guard peers.contains(index.rawValue) else { return }
            emit(.mediaStateChanged(peers[index.rawValue].endpoint, isConnected: isConnected), for: index.rawValue)
        case .circuitBroken:
            // To the session it is media that no longer flows; the counter of drops says why.
            break
        case .dominantSpeaker(let index, _):
            guard peers.contains(index.rawValue) else { return }
            emit(.dominantSpeakerChanged(peers[index.rawValue].endpoint), for: index.rawValue)
        case .encodingsWanted(let index, let mid, let active):
            guard peers.contains(index.rawValue) else { return }
            emit(.encodingsWanted(peers[index.rawValue].endpoint, mid: mid, active: active), for: index.rawValue)
        }
    }

    /// Nothing is told of a pipe: what its media do shows at the endpoints behind it.
    func emit(_ body: SessionEvent.Body, for slot: Int32) {
        guard !peers[slot].transport.isPipe else { return }
        output(.event(SessionEvent(session: peers[slot].session, body: body)))
    }

    /// A snapshot of one endpoint's counters.
    func statistics(of slot: Int32) -> EndpointStatistics {
        var result = EndpointStatistics()
        let counters = peers[slot].counters
        result.transport.bytesSent = counters.bytesSent
        result.transport.bytesReceived = counters.bytesReceived
        result.transport.packetsSent = counters.packetsSent
        result.transport.packetsReceived = counters.packetsReceived
        result.transport.packetsDropped = counters.packetsDropped
        switch peers[slot].transport.peer {
        case .some(let peer):
            result.transport.iceState = ICEState(peer.iceState)
            result.transport.dtlsState = DTLSState(peer.dtlsPhase)
            result.dataChannels = peer.dataChannelStatistics
        case .none:
            break
        }
        result.transport.localCandidate = peers[slot].localCandidate
        result.transport.remoteCandidate = peers[slot].remoteCandidate
        result.transport.roundTripTime = peers[slot].transport.roundTripTime?.seconds
        result.transport.srtpProfile = peers[slot].transport.srtpProfile?.name
        let streams = router.statistics(of: EndpointIndex(slot))
        result.inbound = streams.inbound.map(InboundStreamStatistics.init)
        result.outbound = streams.outbound.map(OutboundStreamStatistics.init)
        return result
    }
}

extension ICEState {
    init(_ state: AgentState) {
        self =
            switch state {
            case .new: .new
            case .checking: .checking
            case .connected: .connected
            case .completed: .completed
            case .disconnected: .disconnected
            case .failed: .failed
            case .closed: .closed
            }
    }
}

extension DTLSState {
    init(_ phase: PeerTransport.DTLSPhase) {
        self =
            switch phase {
            case .new: .new
            case .connecting: .connecting
            case .connected: .connected
            case .closed: .closed
            case .failed: .failed
            }
    }
}
