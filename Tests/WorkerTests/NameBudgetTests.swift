import Session
import Testing
import Wire

@testable import Worker

private let session = SessionID("s")
private let endpoint = EndpointID("e")

@Suite struct NameBudgetTests {
    @Test func aGenerationHasSoManyNames() {
        var budget = NameBudget()
        for _ in 0..<Limits.namesPerGeneration {
            let ticket = budget.take(session, endpoint)
            let isFor = ticket.map { budget.giveBack($0) }
            #expect(isFor == true)
        }
        let further = budget.take(session, endpoint)
        #expect(further == nil)
        let another = budget.take(session, EndpointID("another"))
        #expect(another != nil)
        budget.forget(session, endpoint)
        let next = budget.take(session, endpoint)
        #expect(next != nil)
    }

    @Test func aSessionHasSoManyLookupsAtATime() throws {
        var budget = NameBudget()
        var tickets: [NameBudget.Ticket] = []
        while let ticket = budget.take(session, EndpointID("\(tickets.count / 2)")) { tickets.append(ticket) }
        #expect(tickets.count == Limits.lookupsPerSession)
        let another = budget.take(SessionID("another"), endpoint)
        #expect(another != nil)
        let isFor = budget.giveBack(tickets[0])
        #expect(isFor)
        let next = budget.take(session, endpoint)
        #expect(next != nil)
    }

    @Test func aResultForAnotherGenerationIsForNobody() throws {
        var budget = NameBudget()
        let old = budget.take(session, endpoint)
        budget.forget(session, endpoint)
        let new = budget.take(session, endpoint)
        let verdicts = [old, new].map { $0.map { budget.giveBack($0) } }
        #expect(verdicts == [false, true])
        let late = budget.take(session, endpoint)
        budget.forget(session)
        let verdict = late.map { budget.giveBack($0) }
        #expect(verdict == false)
        #expect(budget.isEmpty)
    }
}

@Suite struct NamedCandidateTests {
    @Test func theNameGivesWayToTheAddress() throws {
        let candidate = try #require(
            NamedCandidate("candidate:4 1 UDP 2122260223 0A1b.local 50000 typ host generation 0 ufrag abcd"))
        #expect(candidate.name.description == "0a1b.local")
        #expect(
            candidate.at(IPAddress(ipv4: 0xC000_0201))
                == "candidate:4 1 UDP 2122260223 192.0.2.1 50000 typ host generation 0 ufrag abcd")
    }

    @Test(arguments: [
        "candidate:4 1 udp 2122260223 192.0.2.1 50000 typ host", "candidate:4 1 tcp 1 a.local 9 typ host tcptype active",
        "candidate:4 1 udp 2122260223 a.b.local 50000 typ host", "candidate:4 1 udp 2122260223 a.local 50000 typ", "",
        "candidate:4 1 udp 2122260223 a.local 50000 typ host " + String(repeating: "x", count: 512),
    ])
    func otherLinesHaveNoName(_ line: String) { #expect(NamedCandidate(line) == nil) }
}
