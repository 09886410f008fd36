import Simulator

/// What RFC 8868 section 4 asks to vary, one at a time.
enum Sweeps {
    static var all: [Scenario] { losses + repairs + jitters + delays + queues + traces(nil) }

    private static func constant(
        _ id: String, _ title: String, queue: Double = 300, loss: Double = 0, delay: Double = 50
    )
        -> Scenario
    {
        Scenario(
            id: id, title: title, duration: 60,
            links: [Cases.bottleneck([(0, 1)], queue: queue, loss: loss)],
            flows: [FlowDescription(end: 59, delay: delay)], windows: [Window(10, 59)])
    }

    private static var losses: [Scenario] {
        [0.0, 1, 2, 5, 10, 20].map {
            constant("loss \(Int($0))%", "Random loss of \(Int($0)) %, 1 Mbit/s", loss: $0 / 100)
        }
    }

    /// What sections 5 and 6 leave out: the same with retransmissions and key frames on request.
    private static var repairs: [Scenario] {
        let losses = [1.0, 5, 10, 20].map {
            constant("repair \(Int($0))%", "Random loss of \(Int($0)) %, 1 Mbit/s, with repair", loss: $0 / 100)
        }
        var variable = Cases.variableSingle(delay: 50)
        variable.id = "repair 5.1"
        variable.title += ", with repair"
        return (losses + [variable]).map {
            var scenario = $0
            scenario.repairs = true
            return scenario
        }
    }

    private static var jitters: [Scenario] {
        [0.01, 10].map { jitter in
            var scenario = Cases.variableSingle(delay: 50, jitter: jitter)
            scenario.id = "jitter \(jitter == 10 ? "10" : "0")ms"
            scenario.title = "As 5.1 with jitter of \(jitter == 10 ? "10" : "0.01") ms"
            return scenario
        }
    }

    private static var delays: [Scenario] {
        [1.0, 150, 300].map { delay in
            var scenario = Cases.variableSingle(delay: delay)
            scenario.id = "owd \(Int(delay))ms"
            scenario.title = "As 5.1 with \(Int(delay)) ms one way"
            return scenario
        }
    }

    private static var queues: [Scenario] {
        [70.0, 1000].map { queue in
            var scenario = Cases.variableSingle(delay: 50, queue: queue)
            scenario.id = "queue \(Int(queue))ms"
            scenario.title = "As 5.1 with a queue of \(Int(queue)) ms"
            return scenario
        }
    }

    /// Links that follow a trace: three of the generator, or the one that is given.
    static func traces(_ given: LinkTrace?) -> [Scenario] {
        if let given { return [traced("trace given", "The trace that was given", given)] }
        return (1...3).map { traced("trace \($0)", "A link like a cellular one", .cellular(seed: UInt64($0))) }
    }

    private static func traced(_ id: String, _ title: String, _ trace: LinkTrace) -> Scenario {
        var scenario = Scenario(
            id: id, title: title, duration: 120,
            links: [LinkDescription(capacity: [], trace: trace, queueMilliseconds: 1000)],
            flows: [FlowDescription(end: 119)], windows: [Window(10, 119)])
        scenario.repairs = true
        return scenario
    }
}
