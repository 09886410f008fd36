import MDNS
import Wire

/// An answer to the queries for names: the input as a message, and as a name's text.
public enum MDNSFuzz {
    public static func run(_ input: RawSpan) {
        let now = Instant(nanoseconds: 1)
        var lookups = Lookups()
        let names = [String(decoding: input.copied(), as: UTF8.self), "fuzz.local"]
        var asked = 0
        for text in names {
            guard let name = HostName(text) else { continue }
            precondition(HostName(name.description) == name, "a written name reads back")
            if lookups.ask(name, token: 1, now: now) { asked += 1 }
        }
        lookups.receive(input)
        lookups.advance(to: now + .seconds(3600))
        lookups.advance(to: now + .seconds(7200))
        lookups.advance(to: now + .seconds(10_800))
        lookups.advance(to: now + .seconds(14_400))
        while lookups.nextTransmit() != nil {}
        while lookups.nextResult() != nil { asked -= 1 }
        precondition(asked == 0 && lookups.nextDeadline == nil, "who asks is answered once")
    }
}
