import Kurento
import Synchronization

/// A page that is connected, as its application sees it: whom to answer, and a client of the media server of its own.
final class Visitor: Sendable {
    /// Unique in the process.
    let id: UInt64
    let kurento: KurentoClient
    private let deliver: @Sendable (String) -> Void
    private let dialect = Mutex(Dialect.lower)
    private static let visitors = Atomic<UInt64>(0)

    init(kurento: KurentoClient, deliver: @escaping @Sendable (String) -> Void) {
        id = Self.visitors.wrappingAdd(1, ordering: .relaxed).newValue
        self.kurento = kurento
        self.deliver = deliver
    }

    /// A page that has once used the other words is answered in these.
    func hears(_ spoken: Dialect) {
        if spoken == .upper { dialect.withLock { $0 = spoken } }
    }

    func send(_ id: String, _ members: [String: JSONValue] = [:]) {
        var members = members
        members["id"] = .string(dialect.withLock { $0 }.word(id))
        deliver(JSONValue.object(members).text)
    }

    func send(_ error: GalleryError) { send("error", ["message": .string(error.message)]) }
}
