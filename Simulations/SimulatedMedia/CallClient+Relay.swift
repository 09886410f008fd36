import ICE
import Simulator
import TURN
import Transport
import Wire

/// What comes through a TURN server.
extension CallClient {
    mutating func takeRelayEvents(_ now: Instant, _ output: inout Output) {
        while let event = relay?.nextEvent() {
            switch event {
            case .allocated(let relayed, let mapped):
                guard let added = transport.addRelayed(relayed, related: mapped, now: now) else { continue }
                candidates = [added.candidate.sdp]
                output.note("relayed \(relayed)")
                signal(.offer, &output)
                drain(now, &output)
            case .received(let bytes, let peer):
                guard let relayed = relay?.relayed else { continue }
                var packet = bytes
                if !packet.isEmpty { take(&packet, at: relayed, from: peer, now, &output) }
            case .refused(let peer, _): output.note("relay refuses \(peer.ip)")
            case .failed(let failure): output.note("relay failed: \(failure)")
            }
        }
        flushRelay(now, &output)
    }

    mutating func flushRelay(_ now: Instant, _ output: inout Output) {
        relay?.flush(now, &output)
        schedule.relay = relay?.deadline ?? .distantFuture
    }
}
