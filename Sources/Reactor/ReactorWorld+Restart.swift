import DTLS
import ICE
import STUN
import Session
import Transport
import Wire

extension ReactorWorld {
    /// A new ICE generation: same association, same media. Asked for again, it changes nothing.
    mutating func restart(_ slot: Int32, by restart: ICERestart, now: Instant) throws(Refusal) {
        let local = Credentials(ufrag: restart.localUfrag, password: restart.localPassword)
        let remote = Credentials(ufrag: restart.remoteUfrag, password: restart.remotePassword)
        guard local.isWellFormed, remote.isWellFormed, local.password.utf8.count <= 64,
            let ufrag = UfragKey(local.ufrag)
        else { throw Refusal(.invalid, "the ICE credentials are not well formed (RFC 8839 section 5.4)") }
        guard slotByUfrag[ufrag] == nil || slotByUfrag[ufrag] == slot else {
            throw Refusal(.invalid, "another endpoint uses the ICE user fragment \(local.ufrag)")
        }
        guard var negotiated = peers[slot].transport.remote else {
            throw Refusal(.invalid, "the endpoint is not negotiated; there is nothing to restart")
        }
        // The peer's checks with the former fragment find their way by the address that they come from.
        if let former = peers[slot].specification.flatMap({ UfragKey($0.localUfrag) }) {
            slotByUfrag[former] = nil
            configuration.streams?.forget(former)
        }
        slotByUfrag[ufrag] = slot
        configuration.streams?.note(ufrag, reactor: configuration.index)
        peers[slot].specification?.localUfrag = local.ufrag
        peers[slot].specification?.localPassword = local.password
        negotiated.credentials = remote
        peers[slot].transport.peer?.restart(local: local, now: now)
        do throws(DTLSError) {
            try peers[slot].transport.peer?.negotiate(negotiated, now: now)
        } catch {
            throw Refusal(.invalid, "the endpoint cannot be restarted: \(error)")
        }
        drain(slot, now: now)
    }
}
