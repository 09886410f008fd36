/// The test cases of RFC 8867, with what RFC 8868 leaves to choose as the reference figures have it.
public enum Cases {
    /// Every scenario, in the order of the table.
    public static var all: [Scenario] {
        var all = variable + [feedback, feedback(isReverseFree: true)] + sharing + competing + [pauseAndResume]
        all.append(priority)
        all += marked
        all.append(multipleBottlenecks)
        return all + Sweeps.all + ServerCases.all
    }

    /// Sections and sweeps that `--cases` takes.
    public static var names: [String] {
        var names: [String] = []
        for scenario in all where !names.contains(scenario.section) { names.append(scenario.section) }
        return names
    }

    static func bottleneck(_ megabits: [(Double, Double)], queue: Double = 300, loss: Double = 0) -> LinkDescription {
        LinkDescription(
            capacity: megabits.map { CapacityStep(seconds: $0.0, rate: UInt64($0.1 * 1e6)) }, queueMilliseconds: queue,
            loss: loss)
    }

    // MARK: 5.1 to 5.3: capacity that changes

    private static var variable: [Scenario] {
        [variableSingle(delay: 50), variableSingle(delay: 100), background, variableMultiple]
    }

    /// The other way of section 4.2 to vary the capacity: a link of 4 Mbit/s, and datagrams that leave as much of it.
    private static var background: Scenario {
        var scenario = variableSingle(delay: 50)
        scenario.id = "5.1 UDP"
        scenario.title += ", by datagrams"
        let steps = scenario.links[0].capacity
        scenario.links[0].capacity = [CapacityStep(seconds: 0, rate: 4_000_000)]
        scenario.datagrams = [
            DatagramDescription(rates: steps.map { CapacityStep(seconds: $0.seconds, rate: 4_000_000 - $0.rate) })
        ]
        return scenario
    }

    static func variableSingle(delay: Double, queue: Double = 300, jitter: Double = 5) -> Scenario {
        var scenario = Scenario(
            id: delay == 50 ? "5.1" : "5.1 OWD\(Int(delay))", title: "Variable capacity, one flow", duration: 100,
            links: [bottleneck([(0, 1), (40, 2.5), (60, 0.6), (80, 1)], queue: queue)],
            flows: [FlowDescription(end: 99, delay: delay)],
            windows: [Window(0, 40), Window(40, 60), Window(60, 80), Window(80, 99)])
        scenario.changes = [Change(0, .up), Change(40, .up), Change(60, .drain), Change(80, .up)]
        scenario.jitter = jitter
        return scenario
    }

    private static var variableMultiple: Scenario {
        var scenario = Scenario(
            id: "5.2", title: "Variable capacity, two flows", duration: 125,
            links: [bottleneck([(0, 4), (25, 2), (50, 3.5), (75, 1), (100, 2)])],
            flows: [FlowDescription(end: 124), FlowDescription(end: 124)],
            windows: [Window(0, 25), Window(25, 50), Window(50, 75), Window(75, 100), Window(100, 124)])
        scenario.changes = [
            Change(0, .up), Change(25, .drain), Change(50, .up), Change(75, .drain), Change(100, .up),
        ]
        scenario.isSymmetric = true
        return scenario
    }

    private static var feedback: Scenario { feedback(isReverseFree: false) }

    /// Link 0 is forward, link 1 backward; each carries one flow's media and the other's feedback.
    private static func feedback(isReverseFree: Bool) -> Scenario {
        let backward: [(Double, Double)] = isReverseFree ? [(0, 2)] : [(0, 2), (35, 0.8), (70, 2)]
        var scenario = Scenario(
            id: isReverseFree ? "5.3 free" : "5.3",
            title: isReverseFree ? "Both ways, backward path unimpaired" : "Both ways, congested feedback",
            duration: 100,
            links: [bottleneck([(0, 2), (20, 1), (40, 0.5), (60, 2)]), bottleneck(backward)],
            flows: [
                FlowDescription(end: 99, forward: [0], backward: [1]),
                FlowDescription(end: 99, forward: [1], backward: [0]),
            ],
            windows: [Window(0, 20), Window(20, 40), Window(40, 60), Window(60, 99)])
        scenario.changes = [Change(0, .up), Change(20, .drain), Change(40, .drain), Change(60, .up)]
        return scenario
    }

    // MARK: 5.4 and 5.5: flows of the same kind

    private static var sharing: [Scenario] { [selfFairness(weights: [1, 1, 1]), roundTripFairness] }

    private static func selfFairness(weights: [Double]) -> Scenario {
        var scenario = Scenario(
            id: "5.4", title: "Three flows of one kind", duration: 120, links: [bottleneck([(0, 3.5)])],
            flows: weights.enumerated().map { index, weight in
                FlowDescription(start: Double(index) * 20, end: 119, weight: weight)
            },
            windows: [Window(0, 20), Window(20, 40), Window(40, 80), Window(80, 119)])
        scenario.isSymmetric = true
        return scenario
    }

    private static var roundTripFairness: Scenario {
        var scenario = Scenario(
            id: "5.5", title: "Five flows with different round trips", duration: 300, links: [bottleneck([(0, 4)])],
            flows: [10.0, 25, 50, 100, 150].enumerated().map { index, delay in
                FlowDescription(start: Double(index) * 10, end: 299, delay: delay)
            },
            windows: [Window(40, 100), Window(100, 200), Window(200, 299)])
        scenario.isSymmetric = true
        return scenario
    }

    // MARK: 5.6 and 5.7: against TCP

    private static var competing: [Scenario] {
        [longTCP(queue: 300, .newReno), longTCP(queue: 1000, .newReno), longTCP(queue: 300, .cubic), shortTCP]
    }

    private static func longTCP(queue: Double, _ algorithm: TCPAlgorithm) -> Scenario {
        let name = algorithm == .newReno ? "" : " \(algorithm.rawValue)"
        var scenario = Scenario(
            id: "5.6 q\(Int(queue))\(name)", title: "Against a long TCP transfer (\(algorithm.rawValue))",
            duration: 120, links: [bottleneck([(0, 2)], queue: queue)], flows: [FlowDescription(start: 5, end: 119)],
            windows: [Window(5, 30), Window(30, 60), Window(60, 119)])
        scenario.tcp = [TCPDescription(algorithm: algorithm, use: .long, end: 119)]
        return scenario
    }

    private static var shortTCP: Scenario {
        var scenario = Scenario(
            id: "5.7", title: "Against short TCP transfers", duration: 300, links: [bottleneck([(0, 2)])],
            flows: [FlowDescription(start: 5, end: 299), FlowDescription(start: 5, end: 299)],
            windows: [Window(5, 100), Window(100, 299)])
        scenario.tcp = (0..<10).map { TCPDescription(use: .short(startsOn: $0 < 2), end: 299) }
        scenario.isSymmetric = true
        return scenario
    }

    // MARK: 5.8 and the further cases

    private static var pauseAndResume: Scenario {
        var scenario = Scenario(
            id: "5.8", title: "One of three pauses", duration: 120, links: [bottleneck([(0, 3.5)])],
            flows: [FlowDescription(end: 119), FlowDescription(end: 119, pause: 40...60), FlowDescription(end: 119)],
            windows: [Window(0, 40), Window(40, 60), Window(60, 80), Window(80, 119)])
        scenario.changes = [Change(0, .up)]
        scenario.isSymmetric = true
        return scenario
    }

    private static var priority: Scenario {
        var scenario = selfFairness(weights: [2, 1, 1])
        scenario.id = "6.1"
        scenario.title = "Three flows, the first one with twice the weight"
        scenario.isSymmetric = false
        return scenario
    }

    /// 6.2: the cases of section 5 over links that mark.
    private static var marked: [Scenario] {
        let cases =
            [variableSingle(delay: 50), variableMultiple, feedback] + sharing + [longTCP(queue: 300, .newReno)]
            + [shortTCP, pauseAndResume]
        return cases.map {
            var scenario = $0
            scenario.id = "6.2 \($0.id)"
            scenario.title = "\($0.title), with ECN"
            scenario.isECNCapable = true
            for link in scenario.links.indices { scenario.links[link].marking = MarkingRamp(low: 10, high: 30) }
            return scenario
        }
    }

    /// A parking lot A-B-C-D: the first flow over all links, the others over one each.
    private static var multipleBottlenecks: Scenario {
        var scenario = Scenario(
            id: "6.3", title: "Two bottlenecks", duration: 300,
            links: [bottleneck([(0, 2)]), bottleneck([(0, 8)]), bottleneck([(0, 1.5)])],
            flows: [
                FlowDescription(end: 299, forward: [0, 1, 2], delay: 100),
                FlowDescription(end: 299, forward: [0], delay: 40),
                FlowDescription(end: 299, forward: [2], delay: 40),
            ],
            windows: [Window(20, 299), Window(20, 299, link: 2)])
        scenario.links[0].name = "A-B"
        scenario.links[1].name = "B-C"
        scenario.links[2].name = "C-D"
        return scenario
    }
}
