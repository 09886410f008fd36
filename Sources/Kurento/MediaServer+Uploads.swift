import Session

/// HttpPostEndpoint: plays what clients upload to its URL.
extension MediaServer {
    static func upload(_ arguments: Arguments) -> ElementSpecification {
        let timeout = min(max(arguments.values["disconnectionTimeout"]?.asInt64 ?? 2, 0), Limits.disconnectionTimeout)
        return .upload(
            UploadSpecification(
                token: drawToken(), disconnectionTimeout: Int(timeout),
                usesEncodedMedia: arguments.bool("useEncodedMedia")))
    }

    /// 128 bits that nobody guesses.
    private static func drawToken() -> String {
        String((0..<32).map { _ in "0123456789abcdef".randomElement() ?? "0" })
    }

    /// Asked of the worker each time: another one has another address.
    func uploadURL(of object: MediaObject) async throws(KurentoError) -> JSONValue {
        guard let element = object.element, let pipeline = object.pipeline,
            let url = try await status(of: element, in: pipeline).url
        else { throw KurentoError(.unexpectedError, "The worker did not say where it takes uploads") }
        return .string(url)
    }

    /// A session lasts from its first upload until none has come for a while.
    func noteSession(_ state: ElementStatus.State, of object: MediaObject) {
        raise(state == .started ? "MediaSessionStarted" : "MediaSessionTerminated", on: object)
    }
}
