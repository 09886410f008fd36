import Wire

/// A client that is in.
struct Member: Sendable {
    let role: ClientNegotiation.Role
    let draft: ClientDraft
    let session: any SignaledSession
    /// The id of the first of those that took each other's place.
    let person: Int
    let generation: Int
}

/// Clients that go on over other connections: told by their server, or because theirs has failed.
extension LoadRun {
    func follow(_ first: Member, on stage: LoadStage) async {
        var member = first
        while let news = await news(of: member), !hasEnded, !Task.isCancelled {
            guard let next = await reconnect(member, news, on: stage) else { return }
            member = next
        }
    }

    private enum News {
        case told(SessionNotice)
        case failed
    }

    /// Nil at the end.
    private func news(of member: Member) async -> News? {
        await withTaskGroup(of: News?.self) { group in
            group.addTask {
                for await notice in member.session.notices() { return .told(notice) }
                return nil
            }
            group.addTask { [gate] in
                for await _ in gate.failures(of: member.draft.id) { return .failed }
                return nil
            }
            // A server that says nothing more may still be there: the connection itself tells.
            while let news = await group.next() {
                guard let news else { continue }
                group.cancelAll()
                return news
            }
            return nil
        }
    }

    /// Nil when it did not come in again.
    private func reconnect(_ member: Member, _ news: News, on stage: LoadStage) async -> Member? {
        var notice: SessionNotice?
        if case .told(let told) = news { notice = told }
        let hasMedia = notice?.hasMedia ?? false
        let began = LoadClock.now
        if !hasMedia { stage.remove(member.draft) }
        await pause(.zero, upTo: notice?.within ?? .zero)
        for attempt in 0..<Limits.reconnectAttempts {
            guard !hasEnded, !Task.isCancelled else { return nil }
            let (outcome, next) =
                (try? await join(member.role, after: (member, notice), on: stage)) ?? (.failed("no socket"), nil)
            if case .joined = outcome, let next {
                stage.noteReconnect(hasMedia: hasMedia, took: LoadClock.now - began)
                if hasMedia { await retire(member, on: stage) }
                return next
            }
            if let next {
                await next.session.close()
                stage.remove(next.draft)
            }
            // With jitter: all the others try as well.
            let longest = min(Limits.reconnectPause, .milliseconds(100 << Int64(min(attempt, 6))))
            await pause(longest / 2, upTo: longest / 2)
        }
        stage.noteReconnect(hasMedia: hasMedia, took: nil)
        return nil
    }

    private func retire(_ member: Member, on stage: LoadStage) async {
        if case .publisher = member.role { await pause(Limits.publisherOverlap, upTo: .zero) }
        await member.session.close()
        stage.remove(member.draft)
    }

    private func pause(_ least: Interval, upTo more: Interval) async {
        let random = more > .zero ? Int64.random(in: 0...more.nanoseconds) : 0
        try? await Task.sleep(for: .nanoseconds(least.nanoseconds + random))
    }
}
