import HTTPTypes
import Hummingbird
import NIOCore
import Session

/// `POST /api/workers/{id}/drain?deadline={seconds}`, `DELETE /api/workers/{id}/drain` and `POST
/// /api/workers/{id}/upgrade`.
///
/// These change the cluster, so they are not for everyone: they take a token with the operator grant from anywhere,
/// and without a token what comes from this machine itself. That a proxy or a page in a browser on this machine
/// sends does not count as such: it may come from anybody.
struct ControlRoutes: Sendable {
    let control: any ClusterControl

    func add(to router: Router<FrontRequestContext>) {
        router.post("/api/workers/:id/drain") { request, context in try await drain(request, context) }
        router.delete("/api/workers/:id/drain") { request, context in
            try await act(request, context) { worker throws(Refusal) in
                try await control.undrain(worker)
                return Named(worker: worker)
            }
        }
        router.post("/api/workers/:id/upgrade") { request, context in
            try await act(request, context) { worker throws(Refusal) in
                let handOver = try await control.upgrade(worker)
                return Upgraded(
                    worker: worker, processID: handOver.processID, standstillMilliseconds: handOver.standstill,
                    durationMilliseconds: handOver.duration)
            }
        }
    }

    private func drain(_ request: Request, _ context: FrontRequestContext) async throws -> Response {
        let text = request.uri.queryParameters["deadline"].map { String($0) } ?? "\(SignalingLimits.drainSeconds)"
        guard let seconds = Int(text), (0...SignalingLimits.longestDrain).contains(seconds) else {
            return try HTTPRoutes.json(
                ["error": "`deadline` is a number of seconds, at most \(SignalingLimits.longestDrain)"],
                status: .badRequest)
        }
        return try await act(request, context) { worker throws(Refusal) in
            try await control.drain(worker, within: .seconds(seconds))
            return Named(worker: worker)
        }
    }

    private struct Named: Encodable, Sendable {
        var worker: WorkerID
    }

    private struct Upgraded: Encodable, Sendable {
        var worker: WorkerID
        var processID: Int32
        var standstillMilliseconds: Double
        var durationMilliseconds: Double
    }

    private func act(
        _ request: Request, _ context: FrontRequestContext,
        _ action: (WorkerID) async throws(Refusal) -> any Encodable & Sendable
    ) async throws -> Response {
        guard await isAllowed(request, context) else {
            return try HTTPRoutes.json(
                ["error": "this is for operators: run it on the controller's machine, or with an operator's token"],
                status: request.headers[.authorization] == nil ? .forbidden : .unauthorized)
        }
        let worker = WorkerID(context.parameters.get("id") ?? "")
        let outcome: Result<any Encodable & Sendable, Refusal>
        do throws(Refusal) {
            outcome = .success(try await action(worker))
        } catch {
            outcome = .failure(error)
        }
        switch outcome {
        case .success(let value): return try HTTPRoutes.json(value)
        case .failure(let error):
            let status: HTTPResponse.Status =
                switch error.reason {
                case .notFound: .notFound
                case .invalid: .conflict
                case .timedOut: .gatewayTimeout
                default: .serviceUnavailable
                }
            var response = try HTTPRoutes.json(["error": error.message], status: status)
            if let seconds = error.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
            return response
        }
    }

    private func isAllowed(_ request: Request, _ context: FrontRequestContext) async -> Bool {
        if let authorization = request.headers[.authorization] {
            // RFC 9110 section 11.1: the scheme's case does not matter.
            guard authorization.lowercased().hasPrefix("bearer ") else { return false }
            return await control.isOperator(String(authorization.dropFirst("bearer ".count)))
        }
        let isDirect = Self.signsOfOthers.allSatisfy { request.headers[$0] == nil }
        return isDirect && context.remoteAddress?.isLoopback == true
    }

    /// What browsers and proxies add (Fetch standard sections 3.2 and 5, RFC 7239, RFC 9110 section 7.6.3).
    private static let signsOfOthers = ["Origin", "Sec-Fetch-Site", "Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"]
        .compactMap { HTTPField.Name($0) }
}
