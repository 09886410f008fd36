public import ForwardingBenchmark
import Foundation

/// All transfers, by rounds.
public struct SCTPResult: Sendable, Codable {
    /// One transfer.
    public struct Sample: Sendable, Codable, Hashable {
        public var stack: Stack
        public var messageLength: Int
        public var sender: EndFigures
        public var receiver: EndFigures

        public init(stack: Stack, messageLength: Int, sender: EndFigures, receiver: EndFigures) {
            self.stack = stack
            self.messageLength = messageLength
            self.sender = sender
            self.receiver = receiver
        }

        /// Megabytes of messages in a second, at the receiver.
        public var rate: Double { Double(receiver.bytes) / receiver.seconds / 1e6 }
        /// Processor seconds of both ends for a gigabyte that arrived. The sender's window is a little longer.
        public var cost: Double { senderCost + receiverCost }
        public var senderCost: Double { sender.processorSeconds / (Double(sender.bytes) / 1e9) }
        public var receiverCost: Double { receiver.processorSeconds / (Double(receiver.bytes) / 1e9) }
    }

    public var machine: Machine
    public var warmUp: Int64
    public var window: Int64
    public var isPinned: Bool
    /// Each with every message length and stack once.
    public var rounds: [[Sample]] = []
    public internal(set) var isComplete = false

    public init(machine: Machine, run: SCTPRun) {
        self.machine = machine
        warmUp = run.warmUp
        window = run.window
        isPinned = run.isPinned
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Of each round, what Apus moved in a second over what usrsctp did.
    public func ratios(messageLength: Int, of figure: (Sample) -> Double) -> [Double] {
        rounds.compactMap { samples in
            func value(_ stack: Stack) -> Double? {
                samples.first { $0.stack == stack && $0.messageLength == messageLength }.map(figure)
            }
            guard let ours = value(.apus), let theirs = value(.usrsctp), theirs > 0 else { return nil }
            return ours / theirs
        }
    }

    private var messageLengths: [Int] { Set(rounds.joined().map(\.messageLength)).sorted() }

    /// The table; with `isMarkdown` as Markdown.
    public func text(isMarkdown: Bool = false) -> String {
        var table = TextTable([
            "messages", "MB/s", "CPU s/GB", "of them sender", "receiver",
        ])
        for length in messageLengths {
            for stack in Stack.allCases {
                let samples = rounds.joined().filter { $0.stack == stack && $0.messageLength == length }
                table.add(
                    ["\(length / 1_024) KiB, \(stack.rawValue)"]
                        + [
                            Self.spread(samples.map(\.rate), 1), Self.spread(samples.map(\.cost), 2),
                            Self.spread(samples.map(\.senderCost), 2), Self.spread(samples.map(\.receiverCost), 2),
                        ])
            }
            table.add(
                ["apus / usrsctp"]
                    + [\Sample.rate, \.cost, \.senderCost, \.receiverCost].map { figure in
                        Self.spread(ratios(messageLength: length) { $0[keyPath: figure] }, 2)
                    })
        }
        let note =
            "Medians (lowest to highest) of \(rounds.count) rounds, \(window) ms each after \(warmUp) ms; two processes"
            + " over UDP on loopback\(isPinned ? ", sender on core 0, receiver on core 1" : "")."
            + "\n\(machine.processor), \(machine.cores) cores, Linux \(machine.kernel)."
        return (isMarkdown ? table.markdown : table.text) + "\n\n" + note
    }

    private static func spread(_ values: [Double], _ digits: Int) -> String {
        guard let middle = Statistics.median(values), let low = values.min(), let high = values.max() else {
            return "–"
        }
        func text(_ value: Double) -> String { String(format: "%.\(digits)f", value) }
        return "\(text(middle)) (\(text(low)) to \(text(high)))"
    }
}
