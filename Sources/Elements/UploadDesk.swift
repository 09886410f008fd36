import Session
import Synchronization

/// Where uploads and the elements that play them meet: each element has a token, and a client that knows it uploads to
/// it.
public final class UploadDesk: Sendable {
    /// What becomes of a request.
    public enum Admission: Sendable {
        case taken
        /// No element has this token.
        case unknown
        /// Another upload is playing.
        case busy
    }

    private struct State {
        var place: String?
        var doors: [String: UploadDoor] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// - Parameter place: where clients reach the server, as `http://192.0.2.1:41000`.
    public func open(at place: String) { state.withLock { $0.place = place } }

    /// The path of requests, without their token.
    public static let path = "/upload/"

    /// An upload has begun.
    public func begin(_ token: String, _ body: UploadBody) -> Admission {
        guard let door = state.withLock({ $0.doors[token] }) else { return .unknown }
        return door.offer(body) ? .taken : .busy
    }

    /// The door of an element, and the URL that leads to it.
    func add(_ token: String, wake: @escaping @Sendable () -> Void) throws(Refusal) -> (door: UploadDoor, url: String) {
        guard (16...Limits.tokenBytes).contains(token.utf8.count), token.utf8.allSatisfy(Self.isOfToken) else {
            throw Refusal(.invalid, "a token has 16 to \(Limits.tokenBytes) letters, digits and hyphens")
        }
        let door = UploadDoor(wake: wake)
        let place = state.withLock { state -> String? in
            if state.place != nil { state.doors[token] = door }
            return state.place
        }
        guard let place else { throw Refusal(.invalid, "this worker takes no uploads (media.http_ports)") }
        return (door, place + Self.path + token)
    }

    private static func isOfToken(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            || byte == UInt8(ascii: "-")
    }

    /// The element is no more.
    func remove(_ token: String, _ door: UploadDoor) {
        state.withLock { if $0.doors[token] === door { $0.doors[token] = nil } }
        door.close()
    }
}

/// The door of one element: one upload at a time.
final class UploadDoor: Sendable {
    private enum State {
        case free
        case offered(UploadBody)
        case taken
        case closed
    }

    private let state = Mutex(State.free)
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// False while another one is there.
    func offer(_ body: UploadBody) -> Bool {
        let isTaken = state.withLock { state in
            guard case .free = state else { return false }
            state = .offered(body)
            return true
        }
        if isTaken { wake() }
        return isTaken
    }

    /// The upload that has come, once.
    func take() -> UploadBody? {
        state.withLock { state in
            guard case .offered(let body) = state else { return nil }
            state = .taken
            return body
        }
    }

    /// The next may come.
    func release() { state.withLock { if case .taken = $0 { $0 = .free } } }

    func close() {
        let body = state.withLock { state -> UploadBody? in
            defer { state = .closed }
            if case .offered(let body) = state { return body }
            return nil
        }
        body?.answer(.closed)
    }
}
