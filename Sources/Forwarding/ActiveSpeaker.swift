import Wire

/// Endpoints that talk with each other, and who leads.
struct ActiveSpeaker {
    var members: [Int32] = []
    /// The endpoint that was told last; -1 before anybody spoke.
    var dominant: Int32 = -1
    var isChanged = false
    var nextDecision = Instant.origin
}
