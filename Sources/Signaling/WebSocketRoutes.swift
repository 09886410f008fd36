/// Which handler serves which path, and which pages may connect.
struct WebSocketRoutes: Sendable {
    private let handlers: [String: any WebSocketHandler]
    private let allowedOrigins: Set<String>

    init(_ handlers: [String: any WebSocketHandler], allowedOrigins: [String]) {
        self.handlers = Dictionary(handlers.map { (Self.key($0), $1) }, uniquingKeysWith: { first, _ in first })
        self.allowedOrigins = Set(allowedOrigins.map { $0.lowercased() })
    }

    func handler(for target: String) -> (any WebSocketHandler)? {
        handlers[Self.key(target)]
    }

    /// Every origin may come in.
    var allowsAll: Bool { allowedOrigins.isEmpty }

    func allows(origin: String?) -> Bool {
        guard !allowedOrigins.isEmpty, let origin else { return true }
        return allowedOrigins.contains(origin.lowercased())
    }

    /// The path without query and leading slashes, as Kurento compares it.
    private static func key(_ target: String) -> String {
        let path = target.prefix { $0 != "?" && $0 != "#" }
        return String(path.drop { $0 == "/" })
    }
}
