/// What an application does with one page. The calls come one after the other.
protocol Conversation: Sendable {
    func take(_ message: Message) async throws(GalleryError)
    /// The page is gone: nothing of it may stay. The last call.
    func leave() async
}

/// A page in an application that pages share, with its connection to the media server.
final class Guest: Sendable {
    let visitor: Visitor
    let call: CallSession

    init(_ visitor: Visitor) {
        self.visitor = visitor
        call = CallSession(visitor)
    }
}

/// An application in which pages meet.
protocol SharedApplication: Actor {
    func take(_ message: Message, from guest: Guest) async throws(GalleryError)
    func leave(_ guest: Guest) async
}

/// One page's part in a shared application.
struct SharedConversation: Conversation {
    let application: any SharedApplication
    let guest: Guest

    func take(_ message: Message) async throws(GalleryError) { try await application.take(message, from: guest) }
    func leave() async { await application.leave(guest) }
}
