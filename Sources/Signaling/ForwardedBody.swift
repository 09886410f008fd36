import Hummingbird
import NIOCore

/// The body of a response of another controller, piece by piece as it comes.
struct ForwardedBody: Sendable {
    let pieces: AsyncStream<ByteBuffer>
    let channel: any Channel
    let limits: SignalingLimits
    /// Of a stream of events.
    let lease: EventStreamLease?

    func write(to writer: inout any ResponseBodyWriter) async throws {
        defer { _ = lease }
        for await piece in pieces {
            let timer = channel.eventLoop.scheduleTask(in: limits.eventWriteTime) { [channel] in
                channel.close(promise: nil)
            }
            defer { timer.cancel() }
            try await writer.write(piece)
        }
        try await writer.finish(nil)
    }
}
