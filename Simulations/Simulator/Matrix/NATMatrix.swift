import STUN
import Wire

/// Every class of endpoint against every other: whether the production agent connects them, how, and how fast.
public enum NATMatrix {
    public typealias Options = Encounter.Options

    /// One pair of classes in one run.
    public struct Cell: Hashable, Sendable {
        public var a: EndpointClass
        public var b: EndpointClass
        public var outcome: Encounter.Outcome
    }

    /// All cells, row by row.
    public static func run(_ options: Options = Options(), progress: (Cell) -> Void = { _ in }) -> [Cell] {
        EndpointClass.allCases.flatMap { a in
            EndpointClass.allCases.map { b in
                let cell = Cell(a: a, b: b, outcome: run(a, b, options))
                progress(cell)
                return cell
            }
        }
    }

    /// One cell.
    public static func run(_ a: EndpointClass, _ b: EndpointClass, _ options: Options = Options()) -> Encounter.Outcome
    {
        var encounter = Encounter(options)
        let left = a.place(0, link: options.link, in: &encounter.network)
        let right = b.place(1, link: options.link, in: &encounter.network)
        return encounter.run(left, right)
    }

    /// A client in front of a server with one public address that runs ICE lite. The server's own link loses nothing.
    public static func runServer(_ client: EndpointClass, _ options: Options = Options()) -> Encounter.Outcome {
        var options = options
        options.isLite = true
        // A server's address is the only one: nothing better can follow.
        options.nominationPatience = .zero
        var encounter = Encounter(options)
        let left = client.place(0, link: options.link, in: &encounter.network)
        let right = EndpointClass.open.place(1, link: LinkBehavior(delay: options.delay), in: &encounter.network)
        return encounter.run(left, right)
    }
}
