import Session

/// `/call`, where the pages of one2many-call and of both one2one-calls connect: who presents or views is in the first,
/// who registers in the second. Until a page has said which, its candidates wait.
actor CallDesk: Conversation {
    private let guest: Guest
    private let oneToMany: OneToMany
    private let oneToOne: OneToOne
    private var application: (any SharedApplication)?
    private var early: [Message] = []

    init(_ visitor: Visitor, oneToMany: OneToMany, oneToOne: OneToOne) {
        guest = Guest(visitor)
        self.oneToMany = oneToMany
        self.oneToOne = oneToOne
    }

    func take(_ message: Message) async throws(GalleryError) {
        if let application { return try await application.take(message, from: guest) }
        switch message.id {
        case "presenter", "viewer": try await choose(oneToMany, message)
        case "register": try await choose(oneToOne, message)
        case "onIceCandidate":
            guard early.count < Limits.early else { return }
            early.append(message)
        // Nothing was begun.
        case "stop": break
        default: throw .unknown(message)
        }
    }

    private func choose(_ application: any SharedApplication, _ message: Message) async throws(GalleryError) {
        self.application = application
        let waiting = early
        early = []
        for candidate in waiting { try await application.take(candidate, from: guest) }
        try await application.take(message, from: guest)
    }

    func leave() async { await application?.leave(guest) }
}
