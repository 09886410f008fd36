public import Gallery

/// Carries the gallery's signalling: one text message is one JSON object, either way.
public struct GalleryWebSocket: WebSocketHandler {
    private let gallery: ApplicationServer
    private let path: String

    /// A handler for each of the gallery's paths, which are named without their leading slashes.
    public static func routes(to gallery: ApplicationServer) -> [String: any WebSocketHandler] {
        Dictionary(
            uniqueKeysWithValues: ApplicationServer.paths.map { path in
                (String(path.drop { $0 == "/" }), GalleryWebSocket(gallery: gallery, path: path))
            })
    }

    public func opened(_ connection: WebSocketConnection) async -> any WebSocketSession {
        // `send` only queues, so a page that reads slowly holds up nobody.
        let session = await gallery.opened(path) { text in connection.send(text) }
        if session == nil { connection.close(.tryAgainLater) }
        return Page(session: session)
    }

    private struct Page: WebSocketSession {
        /// Nil when there was no room for it.
        let session: PageSession?

        func text(_ text: String) async { await session?.text(text) }
        func closed() async { await session?.closed() }
    }
}
