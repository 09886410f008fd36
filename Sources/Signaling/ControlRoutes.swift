import HTTPTypes
import Hummingbird
import NIOCore
import Session

/// `POST /api/workers/{id}/drain?deadline={seconds}` and `DELETE /api/workers/{id}/drain`.
///
/// These change the cluster, so they are not for everyone: they take a token with the operator grant from anywhere,
/// and without a token what comes from this machine itself. That a proxy or a page in a browser on this machine
/// sends does not count as such: it may come from anybody.
struct ControlRoutes: Sendable {
    let control: any ClusterControl

    func add(to router: Router<FrontRequestContext>) {
        router.post("/api/workers/:id/drain") { request, context in try await drain(request, context) }
        router.delete("/api/workers/:id/drain") { request, context in
            try await act(request, context) { worker throws(Refusal) in try await control.undrain(worker) }
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
        }
    }

    private func act(
        _ request: Request, _ context: FrontRequestContext, _ action: (WorkerID) async throws(Refusal) -> Void
    ) async throws -> Response {
        guard await isAllowed(request, context) else {
            return try HTTPRoutes.json(
                ["error": "this is for operators: run it on the controller's machine, or with an operator's token"],
                status: request.headers[.authorization] == nil ? .forbidden : .unauthorized)
        }
        let worker = WorkerID(context.parameters.get("id") ?? "")
        do throws(Refusal) {
            try await action(worker)
        } catch {
            let status: HTTPResponse.Status = error.reason == .notFound ? .notFound : .serviceUnavailable
            var response = try HTTPRoutes.json(["error": error.message], status: status)
            if let seconds = error.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
            return response
        }
        return try HTTPRoutes.json(["worker": worker.rawValue])
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
