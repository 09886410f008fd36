import EventLog
import Foundation
import Logging
import Session
import Settings
import Store

/// Takes this process's events to the store, where every controller finds them: for `apus status` and the page. While
/// the store is away some wait; the oldest go.
final class EventTap: Sendable {
    private let events: AsyncStream<ClusterEvent>
    private let continuation: AsyncStream<ClusterEvent>.Continuation

    private static let waiting = 256
    private static let retryPause = Duration.milliseconds(500)
    /// Too many to be shown; the log has them.
    private static let leftOut: Set<String> = ["session_placed", "session_lost"]

    init() {
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.waiting))
    }

    func take(_ event: TappedLogHandler.Event) {
        guard !Self.leftOut.contains(event.name) else { return }
        continuation.yield(
            ClusterEvent(
                time: Int64(Date().timeIntervalSince1970 * 1000), level: event.level, event: event.name,
                message: event.message, details: event.details))
    }

    /// Until the task is cancelled. To be called once.
    func run(_ store: any ClusterStore) async {
        for await event in events {
            while !Task.isCancelled {
                do throws(StoreError) {
                    try await store.note(event)
                    break
                } catch {
                    guard case .unavailable = error else { break }
                    try? await Task.sleep(for: Self.retryPause)
                }
            }
        }
    }
}

/// Log entries to standard error, in the form and at the level of the settings.
func makeLogger(_ label: String, _ settings: ClusterSettings, tap: EventTap? = nil) -> Logger {
    var logger = Logger(label: label) { label in
        var handler: any LogHandler =
            settings.log.format == .json ? JSONLogHandler(label: label) : StreamLogHandler.standardError(label: label)
        if let tap { handler = TappedLogHandler(handler) { tap.take($0) } }
        return handler
    }
    logger.logLevel = Logger.Level(rawValue: settings.logLevel) ?? .info
    return logger
}
