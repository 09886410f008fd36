import Session

/// Who feeds which section of a player.
enum Feeds {
    /// A section keeps its publisher while that one is there. Empty ones are filled in their order: with the publisher
    /// that feeds the same place of the other kind, so that sound and picture go together, else with the first one
    /// that feeds no section yet.
    /// - Parameters:
    ///   - publishers: those that send the kind, in the order in which they came.
    ///   - companions: who feeds the player's sections of the other kind.
    static func assign(
        _ current: [EndpointID?], publishers: [EndpointID], companions: [EndpointID?]
    ) -> [EndpointID?] {
        var feeds = current.map { feed in feed.flatMap { publishers.contains($0) ? $0 : nil } }
        var used = Set(feeds.compactMap { $0 })
        for section in feeds.indices where feeds[section] == nil {
            var choice = publishers.first { !used.contains($0) }
            if section < companions.count, let companion = companions[section], publishers.contains(companion),
                !used.contains(companion)
            {
                choice = companion
            }
            guard let choice else { break }
            feeds[section] = choice
            used.insert(choice)
        }
        return feeds
    }
}
