import CLinux
import Wire

/// A datagram that the generator sends itself with every frame, over plain sockets in the media thread: what the host
/// and the generator alone add to a latency.
struct Calibration: ~Copyable {
    let receiver: TrainSocket
    private let sender: TrainSocket
    private var datagram: [UInt8]

    /// As long as a media packet.
    private static let byteCount = 1_240

    init() throws(LoadError) {
        let loopback = IPAddress(ipv4: 0x7F00_0001)
        let receiver = try TrainSocket(binding: loopback)
        let sender = try TrainSocket(binding: loopback)
        self.receiver = receiver
        self.sender = sender
        datagram = Array(repeating: 0, count: Self.byteCount)
    }

    mutating func send(now: Instant) {
        var span = datagram.mutableSpan
        var bytes = unsafe span.mutableBytes
        bytes.store(now.nanoseconds, at: 0)
        var destination = apus_address(receiver.local)
        _ = unsafe apus_train_send(
            sender.descriptor, &destination, datagram, datagram.count, UInt32(datagram.count))
    }
}
