import Simulator
import Testing
import Foundation

@Suite struct TmpDump {
    @Test func dump() {
        var out = ""
        for seed in 1...40 {
            var options = Encounter.Options()
            options.seed = UInt64(seed)
            for plan in NATVariations.plans where plan.table == .pool {
                let c = NATVariations.run(plan, options)
                out += "\(c.table.rawValue)\t\(seed)\t\(c.name)\t\(c.outcome.text)\t-\t\(c.outcome.connectTime?.milliseconds ?? -1)\n"
            }
        }
        try! out.write(toFile: "/tmp/cells.tsv", atomically: true, encoding: .utf8)
    }
}
