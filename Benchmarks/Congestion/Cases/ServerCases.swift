import Foundation

/// What a media server meets: it forwards layers and cannot encode, so that most of the time it sends less than the
/// path carries.
enum ServerCases {
    static var all: [Scenario] { [viewers, fallingPath] }

    private static func viewer(link: Int, end: Double) -> FlowDescription {
        var flow = FlowDescription(end: end, forward: [link], delay: 40)
        flow.layers = LayerStep.simulcast
        flow.rateLimit = 5_000_000
        return flow
    }

    /// Twenty viewers of one publisher, each behind a path of its own of 150 kbit/s to 5 Mbit/s.
    private static var viewers: Scenario {
        let rates = (0..<20).map { (150 * pow(5000.0 / 150, Double($0) / 19)).rounded() }
        var scenario = Scenario(
            id: "sfu viewers", title: "Twenty viewers of one simulcast publisher, each on its own path", duration: 60,
            links: rates.map { rate in
                var link = Cases.bottleneck([(0, rate / 1000)])
                link.name = "viewer"
                return link
            },
            flows: rates.indices.map { viewer(link: $0, end: 59) },
            windows: rates.indices.map { Window(20, 59, link: $0) })
        scenario.repairs = true
        return scenario
    }

    /// One viewer whose path falls from 3 Mbit/s to 400 kbit/s and recovers.
    private static var fallingPath: Scenario {
        var scenario = Scenario(
            id: "sfu fall", title: "A viewer whose path falls from 3 Mbit/s to 400 kbit/s", duration: 120,
            links: [Cases.bottleneck([(0, 3), (40, 0.4), (80, 3)])], flows: [viewer(link: 0, end: 119)],
            windows: [Window(10, 40), Window(40, 80), Window(80, 119)])
        scenario.changes = [Change(40, .drain)]
        scenario.repairs = true
        return scenario
    }
}
