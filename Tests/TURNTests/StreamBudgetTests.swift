import TURN
import Testing
import Wire

@Suite struct StreamBudgetTests {
    private func refusal(_ budget: inout StreamBudget, _ text: String) -> DropReason? {
        do throws(DropReason) {
            try budget.take(IPAddress(text)!)
            return nil
        } catch { return error }
    }

    @Test func anAddressHasSoManyAndOthersTheRest() {
        var budget = StreamBudget(limit: 4, perAddress: 2)
        let refusals = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map {
            refusal(&budget, $0)
        }
        #expect(refusals == [nil, nil, .turnTooManyFromAddress, nil, nil, .turnTooManyConnections])
        #expect(budget.count == 4)
    }

    @Test func whatIsGivenBackCanBeTakenAgain() {
        var budget = StreamBudget(limit: 4, perAddress: 1)
        #expect(refusal(&budget, "192.0.2.1") == nil)
        budget.giveBack(IPAddress("192.0.2.1")!)
        budget.giveBack(IPAddress("192.0.2.1")!)
        #expect(budget.count == 0)
        #expect(refusal(&budget, "192.0.2.1") == nil)
    }

    @Test func anIPv6NetworkIsOneAddress() {
        var budget = StreamBudget(limit: 4, perAddress: 1)
        let refusals = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map { refusal(&budget, $0) }
        #expect(refusals == [nil, .turnTooManyFromAddress, nil])
    }
}
