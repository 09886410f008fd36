import Testing

@testable import Signaling

@Test func aConnectionThatCarriesEventsDoesNotCountForItsAddress() {
    var limits = SignalingLimits()
    limits.connections = 4
    limits.connectionsPerAddress = 2
    let budget = ConnectionBudget(limits: limits)
    #expect(budget.acquire("a") && budget.acquire("a") && !budget.acquire("a"))
    var lease = budget.lend("a")
    #expect(lease != nil && budget.counts.eventStreams == 1)
    #expect(budget.acquire("a") && !budget.acquire("a"))
    // The connection ends before its stream does.
    budget.release("a")
    lease = nil
    #expect(budget.counts.eventStreams == 0 && budget.counts.open == 2)
    #expect(!budget.acquire("a"))
    budget.release("a")
    #expect(budget.acquire("a"))
    // Half of all connections at most.
    let leases = [budget.lend("a"), budget.lend("a"), budget.lend("a")]
    #expect(leases.map { $0 == nil } == [false, false, true])
}
