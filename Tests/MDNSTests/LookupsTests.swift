import Testing
import Wire

@testable import MDNS

private let start = Instant(nanoseconds: 1_000_000_000)

private func answer(_ text: String = "03616263", _ ip: String = "c0000201") -> [UInt8] {
    bytes(header + text + "056c6f63616c00" + "000180010000007800 04" + ip)
}

extension Lookups {
    fileprivate mutating func receive(_ message: [UInt8]) { receive(message.span.bytes) }

    fileprivate mutating func transmits() -> Int {
        var count = 0
        while nextTransmit() != nil { count += 1 }
        return count
    }

    fileprivate mutating func allResults() -> [Result] {
        var all: [Result] = []
        while let result = nextResult() { all.append(result) }
        return all
    }
}

private func ask(_ lookups: inout Lookups, _ name: String, _ token: UInt64) -> Bool {
    HostName(name).map { lookups.ask($0, token: token, now: start) } ?? false
}

@Test func anAnswerEndsALookup() {
    var lookups = Lookups()
    #expect(ask(&lookups, "ABC.local", 7))
    let sent = lookups.transmits()
    #expect(sent == 2)
    lookups.receive(answer())
    let results1 = lookups.allResults()
    #expect(results1 == [.init(token: 7, ip: IPAddress("192.0.2.1"))])
    #expect(lookups.nextDeadline == nil && lookups.count == 0)
    lookups.receive(answer())
    let results2 = lookups.allResults()
    #expect(results2.isEmpty)
}

@Test func aSilentNameIsAskedThriceAndGivenUp() {
    var lookups = Lookups()
    #expect(ask(&lookups, "abc.local", 7))
    var sends = [lookups.transmits()]
    var times: [Int64] = []
    while let deadline = lookups.nextDeadline {
        times.append((deadline - start).nanoseconds / 1_000_000)
        lookups.advance(to: deadline)
        sends.append(lookups.transmits())
    }
    #expect(sends == [2, 2, 2, 0])
    #expect(times == [1000, 3000, 5000])
    let results3 = lookups.allResults()
    #expect(results3 == [.init(token: 7, ip: nil)])
}

@Test func whoAsksForTheSameNameSharesTheLookup() {
    var lookups = Lookups()
    for token in 0..<UInt64(64) { #expect(ask(&lookups, "abc.local", token)) }
    #expect(!ask(&lookups, "ABC.local", 64))
    let sent = lookups.transmits()
    #expect(sent == 2)
    lookups.receive(answer())
    let results4 = lookups.allResults()
    #expect(results4.map(\.token) == Array(0..<64))
}

@Test func soManyNamesAtATime() {
    var lookups = Lookups()
    for index in 0..<UInt64(Limits.lookups) {
        #expect(ask(&lookups, "name\(index).local", index))
    }
    #expect(!ask(&lookups, "another.local", 99))
    let sent = lookups.transmits()
    #expect(sent == 2 * Limits.lookups)
}

@Test func othersAnswersAndWhatNeedsAZoneAreNothing() {
    var lookups = Lookups()
    #expect(ask(&lookups, "abc.local", 7))
    lookups.receive(answer("03616264"))
    lookups.receive([1, 2, 3])
    lookups.receive(
        bytes(header + name + "001c80010000007800 10" + "fe800000000000000000000000000001"))
    let results5 = lookups.allResults()
    #expect(results5.isEmpty)
    lookups.receive(answer())
    let results6 = lookups.allResults()
    #expect(results6.count == 1)
}
