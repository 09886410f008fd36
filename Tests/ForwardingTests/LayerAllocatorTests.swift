import Testing

@testable import Forwarding

private typealias Rung = LayerAllocator.Rung

private func video(_ rates: [UInt64], priority: Int = 1) -> LayerAllocator.Demand {
    var demand = LayerAllocator.Demand(priority: priority)
    for (index, rate) in rates.enumerated() { demand.append(Rung(spatial: UInt8(index), temporal: 0, rate: rate)) }
    return demand
}

private func choices(_ demands: [LayerAllocator.Demand], budget: UInt64) -> [Int] {
    var demands = demands
    LayerAllocator.allocate(&demands, budget: budget)
    return demands.map(\.choice)
}

@Test func everyVideoGetsItsLowestLayerBeforeAnyGetsMore() {
    let videos = [video([100, 300, 900]), video([100, 300, 900]), video([100, 300, 900])]
    #expect(choices(videos, budget: 299) == [0, 0, -1])
    #expect(choices(videos, budget: 300) == [0, 0, 0])
    #expect(choices(videos, budget: 500) == [1, 0, 0])
    #expect(choices(videos, budget: 900) == [1, 1, 1])
    #expect(choices(videos, budget: 1_500) == [2, 1, 1])
    #expect(choices(videos, budget: 10_000) == [2, 2, 2])
}

@Test func aVideoOfPriorityTwoTakesTwoStepsInItsTurn() {
    let videos = [video([100, 300, 900], priority: 2), video([100, 300, 900])]
    #expect(choices(videos, budget: 1_000) == [2, 0])
    #expect(choices(videos, budget: 700) == [1, 1])
}

@Test func whatIsPausedLeavesItsRateToTheOthers() {
    #expect(choices([video([500]), video([100, 200])], budget: 250) == [-1, 1])
}

@Test func aStepThatCostsNothingReplacesTheOneBefore() {
    var demand = LayerAllocator.Demand()
    demand.append(Rung(spatial: 0, temporal: 0, rate: 100))
    demand.append(Rung(spatial: 0, temporal: 1, rate: 200))
    demand.append(Rung(spatial: 1, temporal: 0, rate: 150))
    #expect(demand.count == 2)
    #expect(demand[1] == Rung(spatial: 1, temporal: 0, rate: 150))
}

@Test func aFormerChoiceIsFoundAmongNewRungs() {
    let demand = video([100, 300, 900])
    #expect(demand.index(ofAtMost: Rung(spatial: 1, temporal: 0, rate: 0)) == 1)
    #expect(demand.index(ofAtMost: Rung(spatial: 7, temporal: 7, rate: 0)) == 2)
}
