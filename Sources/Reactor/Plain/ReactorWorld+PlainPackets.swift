import Forwarding
import Transport
import Wire

/// The packets of endpoints of plain RTP. A socket says whose they are, and which section's.
extension ReactorWorld {
    /// As ``receive(socket:)`` for a socket that is one endpoint's.
    mutating func receivePlain(_ index: Int) {
        for _ in 0..<Limits.receiveRounds {
            var filled = 0
            while filled < ingress.capacity, let place = plain.place(index) {
                let count = ingress.receive(from: descriptors[index], after: filled)
                guard count > 0 else { break }
                let now = HostClock.now
                for entry in filled..<(filled + count) { receivePlain(entry, of: place, now: now) }
                filled += count
            }
            forwardBurst()
            flush()
            if filled < ingress.capacity { return }
        }
    }

    private mutating func receivePlain(_ entry: Int, of place: PlainSockets.Place, now: Instant) {
        let tuple = Tuple(socket: place.component.socket, remote: ingress.source(entry))
        let wasTruncated = ingress.wasTruncated(entry)
        var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
        while let datagram = next {
            next = ingress.datagram(after: datagram, in: entry)
            load.packetsReceived &+= 1
            load.bytesReceived &+= UInt64(datagram.length)
            do throws(DropReason) {
                guard datagram.length <= Limits.datagramBytes, !wasTruncated else { throw .oversizedDatagram }
                try deliver(datagram, to: place.slot, from: tuple, component: place.component, now: now)
            } catch {
                drops.count(error)
                peers[place.slot].counters.packetsDropped &+= 1
            }
        }
    }

    /// What a packet has made known, before the router looks at it.
    mutating func notePlain(_ slot: Int32, _ component: PlainComponent, now: Instant) {
        if let ssrc = peers[slot].transport.plain?.takeNewSSRC(isVideo: component.isVideo) ?? nil {
            learnPlain(ssrc, slot, component)
        }
        if peers[slot].transport.plain?.takeKeyWarning(isVideo: component.isVideo) == true {
            warnOfKey(slot, component)
        }
        if !peers[slot].isConnected { drain(slot, now: now) }
    }

    /// Queues the packet that lies at the next place of the egress batch for its component's socket.
    mutating func commitPlain(length: Int, _ component: PlainComponent, to remote: SocketAddress, from slot: Int32) {
        let socket = peers[slot].plainSockets[component.index]
        guard socket >= 0 else { return drops.count(.plainNoRemote) }
        egress.commit(length: length, socket: socket, to: remote)
    }

    /// The compound that lies at the next place of the egress batch, to each section what concerns it.
    mutating func sendPlainRTCP(length: Int, to slot: Int32) {
        // Its own while it is read: the parts are written where the whole lies.
        var whole: [UInt8] = []
        swap(&whole, &compound)
        defer { swap(&whole, &compound) }
        let bytes = unsafe egress.unguardedBytes(length: length)
        for index in 0..<length { whole[index] = bytes.uint8(at: index) }
        for section in 0..<2 {
            if egress.isFull { flush() }
            var output = unsafe egress.unguardedNext()
            let part =
                unsafe peers[slot].transport.plain?.part(
                    of: whole.span.bytes.extracting(0..<length), isVideo: section == 1, into: &output) ?? 0
            guard part > 0 else { continue }
            do throws(DropReason) {
                let sealed = try peers[slot].transport.plain?.protectRTCP(
                    &output, length: part, isVideo: section == 1)
                if let sealed { commit(length: sealed.length, to: sealed.tuple, from: slot) }
            } catch {
                drops.count(error)
            }
        }
    }
}
