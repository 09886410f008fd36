import Hummingbird
import NIOCore
import Synchronization

/// The body of a response that goes on as long as there are events: server-sent events (HTML standard, section 9.2).
///
/// What waits is bounded by the stream that it comes from. A client that does not read is closed, one that has gone is
/// noticed with the next comment.
struct EventStreamBody: Sendable {
    let events: AsyncStream<String>
    let channel: any Channel
    let limits: SignalingLimits
    let lease: EventStreamLease

    func write(to writer: inout any ResponseBodyWriter) async throws {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(16))
        let news = Task {
            for await event in events { continuation.yield(event) }
            continuation.finish()
        }
        let heartbeat = Task { [limits] in
            while (try? await Task.sleep(for: .nanoseconds(limits.eventHeartbeat.nanoseconds))) != nil {
                continuation.yield(":\n\n")
            }
        }
        defer {
            news.cancel()
            heartbeat.cancel()
            _ = lease
        }
        // The header goes out with the first bytes: who listens is to know that it is heard.
        try await write("retry: 1000\n\n", to: &writer)
        for await line in lines { try await write(line, to: &writer) }
        try await writer.finish(nil)
    }

    private func write(_ text: String, to writer: inout any ResponseBodyWriter) async throws {
        let timer = channel.eventLoop.scheduleTask(in: limits.eventWriteTime) { [channel] in
            channel.close(promise: nil)
        }
        defer { timer.cancel() }
        try await writer.write(ByteBuffer(string: text))
    }
}
