import Session
import Store
import Wire

/// Direct heartbeats: what tells controllers that the worker lives when the store cannot.
extension WorkerAgent {
    /// By the same actor that serves commands, and heartbeats in the store: one that is stuck is heard by neither way.
    func directHeartbeatLoop() async {
        guard let send = configuration.sendHeartbeat else { return }
        while !Task.isCancelled, !isLeaving {
            sendDirectHeartbeats(send)
            try? await clock.sleep(Limits.directInterval)
        }
    }

    /// Nothing while a reactor is fenced: its sessions stand still until the store answers, and must not be kept here.
    private func sendDirectHeartbeats(_ send: @Sendable ([UInt8], SocketAddress) -> Void) {
        guard fenced.isEmpty else { return }
        heartbeatSequence &+= 1
        // Ahead of its use: a process that ends here must not leave a number to be used again.
        configuration.memory?.heartbeatSequence = heartbeatSequence
        let heartbeat = DirectHeartbeat(
            worker: configuration.id, incarnation: configuration.incarnation, sequence: heartbeatSequence)
        for target in heartbeatTargets.all {
            guard let datagram = heartbeat.datagram(key: target.key) else { return }
            for address in target.addresses { send(datagram, address) }
        }
    }

    /// Keeps what is known while the store is away.
    func targetLoop() async {
        guard configuration.sendHeartbeat != nil else { return }
        while !Task.isCancelled, !isLeaving {
            if let living = try? await store.controllers() { heartbeatTargets.update(living) }
            try? await clock.sleep(Limits.targetInterval)
        }
    }
}
