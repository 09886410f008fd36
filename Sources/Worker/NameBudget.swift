import Session

/// How many names the peers of each session may have looked up, and which lookups still matter: pure bookkeeping.
struct NameBudget {
    /// A lookup for one generation of an endpoint.
    struct Ticket: Hashable {
        var session: SessionID
        var endpoint: EndpointID
        fileprivate var generation: UInt64
    }

    private struct Use {
        var generation: UInt64
        /// Names of the generation so far.
        var names = 0
    }

    private var endpoints: [SessionID: [EndpointID: Use]] = [:]
    private var underWay: [SessionID: Int] = [:]
    private var lastGeneration: UInt64 = 0

    /// Nil when the endpoint or its session has had its share. Every ticket is given back.
    mutating func take(_ session: SessionID, _ endpoint: EndpointID) -> Ticket? {
        let busy = underWay[session, default: 0]
        guard busy < Limits.lookupsPerSession else { return nil }
        var use: Use
        if let known = endpoints[session]?[endpoint] {
            use = known
        } else {
            lastGeneration += 1
            use = Use(generation: lastGeneration)
        }
        guard use.names < Limits.namesPerGeneration else { return nil }
        use.names += 1
        endpoints[session, default: [:]][endpoint] = use
        underWay[session] = busy + 1
        return Ticket(session: session, endpoint: endpoint, generation: use.generation)
    }

    /// Ends a lookup. False when its result is for nobody: the endpoint was closed, or has restarted ICE.
    mutating func giveBack(_ ticket: Ticket) -> Bool {
        let busy = underWay[ticket.session, default: 0] - 1
        underWay[ticket.session] = busy > 0 ? busy : nil
        return endpoints[ticket.session]?[ticket.endpoint]?.generation == ticket.generation
    }

    /// The endpoint is closed or restarts ICE: its names are forgotten.
    mutating func forget(_ session: SessionID, _ endpoint: EndpointID) {
        endpoints[session]?[endpoint] = nil
        if endpoints[session]?.isEmpty == true { endpoints[session] = nil }
    }

    mutating func forget(_ session: SessionID) { endpoints[session] = nil }

    var isEmpty: Bool { endpoints.isEmpty && underWay.isEmpty }
}
