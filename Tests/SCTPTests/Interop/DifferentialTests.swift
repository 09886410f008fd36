import Testing
import Wire

@testable import SCTP

/// One script, run between ends of each make: what arrives on each stream must be the same.
extension USRSCTPTests {
    /// What one end does, in this order.
    struct Operation: Sendable {
        enum Kind: Sendable {
            case send(Message, Reliability)
            case reset(UInt16)

            var text: String {
                switch self {
                case .send(let message, _): "message \(message.payloadProtocol) on \(message.stream)"
                case .reset(let stream): "reset of \(stream)"
                }
            }
        }

        /// Not before it.
        var time: Interval
        var kind: Kind
    }

    /// What one end was told of a stream: the message that the script numbers so, or that it begins anew.
    enum Entry: Hashable {
        case message(UInt32)
        case reset
    }

    /// The ordered part of each stream, and what came unordered between two resets, sorted.
    struct Arrivals: Equatable {
        var ordered: [UInt16: [Entry]] = [:]
        var unordered: [UInt16: [[UInt32]]] = [:]
    }

    /// Messages carry their number as their protocol; odd ones are unordered.
    private static func message(_ number: UInt32, stream: UInt16, count: Int) -> Message {
        var message = Message.pattern(stream, Int(number), count: count)
        message.payloadProtocol = number
        return message
    }

    /// Two ends' operations by a seed: bursts of messages of all sizes over some streams, and resets between them.
    static func script(seed: UInt64) -> [[Operation]] {
        var random = SeededRandom(seed: seed)
        return (0..<2).map { side in
            var time = Interval.zero
            var operations: [Operation] = []
            for index in UInt32(0)..<60 {
                if random.next() % 4 == 0 { time = time + .milliseconds(Int64(random.next() % 400)) }
                let stream = UInt16(random.next() % 6)
                guard random.next() % 12 != 0 else {
                    operations.append(Operation(time: time, kind: .reset(stream)))
                    continue
                }
                let longest: UInt64 = [40, 1200, 9000, 70_000][Int(random.next() % 4)]
                let isOrdered = random.next() % 4 != 0
                let number = UInt32(side) * 1000 + 2 * index + (isOrdered ? 0 : 1)
                let message = message(number, stream: stream, count: 1 + Int(random.next() % longest))
                operations.append(
                    Operation(time: time, kind: .send(message, Reliability(isOrdered: isOrdered, limit: .none))))
            }
            return operations
        }
    }

    /// Runs it to its end, and waits until nothing arrives any more. A reset waits until all has arrived that its end has
    /// sent: usrsctp 0.9.5 as its receiver performs one that comes earlier only with later data, also for a usrsctp.
    static func run(_ script: [[Operation]], _ makers: (Maker, Maker), seed: UInt64) -> [Arrivals] {
        let pair = InteropPair(makers, seed: seed, path: .init(jitter: .milliseconds(12)))
        pair.connect([0])
        pair.path.loss = 0.04
        let begin = pair.now
        var next = [0, 0]
        func isFinished(_ side: Int) -> Bool { next[side] == script[side].count }
        pair.run(
            for: .seconds(600), until: { isFinished(0) && isFinished(1) },
            step: {
                for side in 0..<2 {
                    while !isFinished(side), begin + script[side][next[side]].time <= pair.now,
                        perform(script[side][next[side]].kind, pair, side)
                    {
                        next[side] += 1
                    }
                }
            })
        let left = (0..<2).map { script[$0].dropFirst(next[$0]).first?.kind.text ?? "nothing" }
        #expect(isFinished(0) && isFinished(1), "\(makers.0) \(makers.1) stopped before \(left)")
        pair.run(for: .seconds(120))
        return (0..<2).map { arrivals(pair.events[$0]) }
    }

    private static func perform(_ kind: Operation.Kind, _ pair: InteropPair, _ side: Int) -> Bool {
        switch kind {
        case .send(let message, let reliability): pair.send(side, message, reliability)
        case .reset(let stream): pair.isQuiet(side) && pair.reset(side, stream)
        }
    }

    private static func arrivals(_ events: [Association.Event]) -> Arrivals {
        var arrivals = Arrivals()
        for event in events {
            switch event {
            case .message(let message):
                let number = message.payloadProtocol
                #expect(message == Self.message(number, stream: message.stream, count: message.bytes.count))
                if number % 2 == 1 {
                    let last = (arrivals.unordered[message.stream, default: [[]]].count) - 1
                    arrivals.unordered[message.stream, default: [[]]][last].append(number)
                    arrivals.unordered[message.stream]?[last].sort()
                } else {
                    arrivals.ordered[message.stream, default: []].append(.message(number))
                }
            case .inboundReset(let streams):
                for stream in streams {
                    arrivals.ordered[stream, default: []].append(.reset)
                    arrivals.unordered[stream, default: [[]]].append([])
                }
            default: break
            }
        }
        return arrivals
    }

    /// What the script says must arrive at each end.
    private static func expected(_ script: [[Operation]]) -> [Arrivals] {
        (0..<2).map { side in
            arrivals(
                script[1 - side].map { operation in
                    switch operation.kind {
                    case .send(let message, _): .message(message)
                    case .reset(let stream): .inboundReset([stream])
                    }
                })
        }
    }

    @Test(arguments: 1...8) func theSameArrivesBetweenAnyTwoEnds(seed: Int) {
        let script = Self.script(seed: UInt64(seed))
        let expected = Self.expected(script)
        for makers in [(Maker.apus, Maker.apus), (.apus, .usrsctp), (.usrsctp, .apus), (.usrsctp, .usrsctp)] {
            let found = Self.run(script, makers, seed: UInt64(seed))
            for side in 0..<2 {
                #expect(found[side].ordered == expected[side].ordered, "\(makers.0) \(makers.1) end \(side)")
                #expect(found[side].unordered == expected[side].unordered, "\(makers.0) \(makers.1) end \(side)")
            }
        }
    }
}
