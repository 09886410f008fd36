import Simulator
import Testing
import Foundation

@Suite struct TmpDump {
    @Test func dump() {
        var out = ""
        for relays in Encounter.Relays.allCases {
            var options = NATMatrix.Options()
            options.relays = relays
            for cell in NATMatrix.run(options) {
                out += "p2p\t\(relays.rawValue)\t\(cell.a.name)|\(cell.b.name)\t\(cell.outcome.text)\t\(cell.outcome.kindsAtB?.description ?? "--")\t\(cell.outcome.connectTime?.milliseconds ?? -1)\n"
            }
        }
        for (name, relays) in [("stun", Encounter.Relays.none), ("turn", .onlyA)] {
            var options = NATMatrix.Options()
            options.relays = relays
            for c in EndpointClass.allCases {
                let o = NATMatrix.runServer(c, options)
                out += "sfu\t-\t\(c.name)|\(name)\t\(o.text)\t-\t\(o.connectTime?.milliseconds ?? -1)\n"
            }
        }
        for plan in NATVariations.plans {
            let c = NATVariations.run(plan)
            out += "\(c.table.rawValue)\t-\t\(c.name)\t\(c.outcome.text)\t-\t\(c.outcome.connectTime?.milliseconds ?? -1)\n"
        }
        try! out.write(toFile: "/tmp/cells.tsv", atomically: true, encoding: .utf8)
    }
}
