import Foundation
import Settings

/// Waits until the cluster takes calls, then says where.
enum Readiness {
    static func announce(_ settings: ClusterSettings) async throws {
        guard let listener = settings.signaling.listen.first else { return }
        let client = ControlClient(host: ControlClient.localHost(listener.host), port: listener.port)
        var lastReason = ""
        let clock = ContinuousClock()
        let started = clock.now
        while !Task.isCancelled {
            let reason = await client.reasonNotReady()
            guard let reason else { break }
            // One line per obstacle, and none for the first moments, which are never ready.
            if reason != lastReason, clock.now - started > .seconds(3) {
                Progress.waiting("not ready: \(reason)")
                lastReason = reason
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        Progress.done("workers", "\(settings.workers.count) with \(settings.workers.reactors) reactor(s) each")
        Progress.done(
            "controller",
            "c1, Kurento protocol at \(client.base.replacing("http", with: "ws"))/\(settings.signaling.kurentoPath)")
        for index in 1..<max(1, settings.controllers.count) {
            Progress.done("controller", "c\(index + 1), on port \(listener.port + index)")
        }
        Terminal.line("")
        Terminal.line("  Open    http://localhost:\(listener.port)/")
        if let tls = settings.tls.listen.first {
            Terminal.line("  or      https://\(ProcessInfo.processInfo.hostName):\(tls.port)/   from other machines")
        }
        Terminal.line("  Status  apus status      Ctrl-C ends the cluster.")
        Terminal.line("")
    }
}
