import CLinux
import ICE
import Wire

@testable import Reactor

/// A client's TCP connection: opened when something is to be sent, packets framed (RFC 4571).
final class LoopbackStream {
    private(set) var descriptor: Int32 = -1
    private(set) var remote: SocketAddress?
    private var framing = FramedStream()
    private var unsent: [UInt8] = []
    private var hasEnded = false
    /// Connections opened since birth.
    private(set) var opened = 0

    deinit { if descriptor >= 0 { apus_close(descriptor) } }

    func send(_ packet: [UInt8], to remote: SocketAddress) {
        if descriptor < 0 { open(remote) }
        unsent += FramedStream.frame(packet) ?? []
        write()
    }

    /// Sends bytes as they are.
    func sendRaw(_ bytes: [UInt8], to remote: SocketAddress) {
        if descriptor < 0 { open(remote) }
        unsent += bytes
        write()
    }

    private func open(_ remote: SocketAddress) {
        var local = apus_address(SocketAddress(ip: remote.ip, port: 0))
        var far = apus_address(remote)
        descriptor = apus_stream_connect(&local, &far)
        self.remote = remote
        framing = FramedStream()
        unsent = []
        opened += 1
    }

    private func write() {
        guard descriptor >= 0, !unsent.isEmpty else { return }
        let count = apus_stream_write(descriptor, unsent, unsent.count)
        if count > 0 { unsent.removeFirst(count) }
    }

    /// The packets that have come.
    func receive() -> [[UInt8]] {
        write()
        var packets: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while descriptor >= 0 {
            let count = apus_stream_read(descriptor, &buffer, buffer.count)
            guard count > 0 else {
                // ENOTCONN: it is still on its way.
                if count != -11, count != -107 { end() }
                break
            }
            framing.receive(Array(buffer[..<count]))
            while let packet = framing.next() { packets.append(packet) }
        }
        return packets
    }

    private func end() {
        close()
        hasEnded = true
    }

    /// Ends the connection, and forgets it.
    func close() {
        if descriptor >= 0 { apus_close(descriptor) }
        descriptor = -1
    }

    var isOpen: Bool { descriptor >= 0 }

    /// Whom the connection led to that has ended since.
    func takeEnd() -> SocketAddress? {
        defer { hasEnded = false }
        return hasEnded ? remote : nil
    }
}
