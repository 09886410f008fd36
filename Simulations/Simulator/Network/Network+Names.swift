// What a network has, and what people call its places.

extension Network {
    public var hostCount: Int { hosts.count }
    public var segmentCount: Int { segments.count }

    public func name(ofSegment segment: Int) -> String { segments[segment].name }

    /// A place's name: `alice's link, up`, `home`.
    public func name(of spot: Spot) -> String {
        switch spot {
        case .line(.hostUp(let host)): "\(hosts[host].name)'s link, up"
        case .line(.hostDown(let host)): "\(hosts[host].name)'s link, down"
        case .line(.segmentUp(let segment)): "\(segments[segment].name)'s link, up"
        case .line(.segmentDown(let segment)): "\(segments[segment].name)'s link, down"
        case .gateway(let segment), .segment(let segment): segments[segment].name
        }
    }
}
