import Foundation
import STUN
import Simulator
import Testing
import Wire

/// Pools, NATs behind NATs, and hosts that share one, against what RFC 4787's rules give by hand.
@Suite struct NATVariationsTests {
    /// All cells take a minute; one of five, and all with `APUS_SWEEP` set.
    private static func plans(_ table: NATVariations.Table) -> [NATVariations.Plan] {
        let all = NATVariations.plans.filter { $0.table == table }
        guard ProcessInfo.processInfo.environment["APUS_SWEEP"] == nil else { return all }
        return stride(from: 0, to: all.count, by: 5).map { all[$0] }
    }

    /// A chain is as strict as its strictest mapping and its strictest filter.
    @Test func aChainOfNATsIsLikeItsStrictestSingleOne() throws {
        for plan in Self.plans(.doubleNAT) {
            let parts = plan.name.split(separator: "|").map(String.init)
            let words = parts[0].split(separator: " ").map(String.init)
            let inner = try #require(NATBehavior(name: words[1]))
            let outer = try #require(NATBehavior(name: words[3]))
            let mappings = MappingBehavior.allCases
            let filters = FilteringBehavior.allCases
            func strictest<T: Equatable>(_ all: [T], _ left: T, _ right: T) -> T {
                all.last { $0 == left || $0 == right } ?? left
            }
            let single = NATBehavior(
                strictest(mappings, inner.mapping, outer.mapping), strictest(filters, inner.filtering, outer.filtering))
            let expected = try #require(NATMatrixTests.cell(.both, single.name, parts[1]))
            #expect(NATVariations.run(plan).outcome.text == expected, "\(plan.name)")
        }
    }

    @Test func hostsBehindOneNATMeetInsideOrByHairpinOrByRelay() {
        for plan in Self.plans(.shared) {
            #expect(NATVariations.run(plan).outcome.text == Self.shared(plan.name), "\(plan.name)")
        }
    }

    /// What two hosts behind one NAT have, by the cell's name.
    private static func shared(_ name: String) -> String {
        func has(_ text: String) -> Bool { name.contains(text) }
        let turns = has("hairpin=True")
        let isIndependent = has("nat=EIM") || has("outer=EIM")
        let withRelay: String
        if has("sameLAN") {
            if has("isolated=False mdnsUnresolvable=False") { return "HH" }
            if isIndependent, turns { return "SS" }
            withRelay = isIndependent ? "SR" : "PR"
        } else {
            let isInnerIndependent = !has("inner=APDM")
            if turns, isIndependent, isInnerIndependent { return "SS" }
            let isOpenInside = has("sameCGNmobile") || has("inner=EIM/EIF")
            if turns, has("outer=ADM/EIF"), isOpenInside { return "PP" }
            withRelay = isIndependent && isInnerIndependent ? "SR" : "PR"
        }
        return has("turn=True") ? withRelay : "--"
    }

    /// With addresses from a pool a direct path is luck: it is there exactly when the NAT takes the same one again, or
    /// when the other side lets everybody in. The luck is the table's, not the seed's.
    @Test func aPoolOfAddressesCostsThePathsThatDependOnTheAddress() {
        var texts: [String: Set<String>] = [:]
        for seed in [UInt64(1), 5, 9] {
            var options = Encounter.Options()
            options.seed = seed
            for plan in NATVariations.plans where plan.table == .pool && plan.name.hasPrefix("ADM/EIF") {
                texts[plan.name, default: []].insert(NATVariations.run(plan, options).outcome.text)
            }
        }
        #expect(texts["ADM/EIF+pool4|OPEN|stun"] == ["PH"] && texts["ADM/EIF+pool4|EIM/EIF|turn"] == ["PS"])
        #expect(texts["ADM/EIF+pool4|EIM/APDF|stun"] == ["--"] && texts["ADM/EIF+pool4|EIM/APDF|turn"] == ["RS"])
        #expect(texts["ADM/EIF+pool4|EIM/ADF|turn"] == ["PS"])
        #expect(texts["ADM/EIF+pool4|APDM/APDF|turn"] == ["RP"], "the relay must be on the side of the pool")
    }
}
