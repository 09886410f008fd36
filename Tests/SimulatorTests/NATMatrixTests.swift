import Simulator
import Testing
import Wire

/// The matrix of NATs against what RFC 4787's rules give by hand.
@Suite struct NATMatrixTests {
    /// STUN only, as A sees the path: rows A, columns B, both in the order of ``EndpointClass/allCases``.
    static let withoutRelay = """
        OPEN       HH    HH    HS    HS    HS    HP    HP    HP    HP    HP    HP    --
        FW         HH    HH    HS    HS    HS    --    --    --    --    --    --    --
        EIM/EIF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    --
        EIM/ADF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    --
        EIM/APDF   SH    SH    SS    SS    SS    --    --    --    --    --    --    --
        ADM/EIF    PH    --    PS    PS    --    PP    PP    --    PP    PP    --    --
        ADM/ADF    PH    --    PS    PS    --    PP    --    --    PP    --    --    --
        ADM/APDF   PH    --    PS    PS    --    --    --    --    --    --    --    --
        APDM/EIF   PH    --    PS    PS    --    PP    PP    --    --    --    --    --
        APDM/ADF   PH    --    PS    PS    --    PP    --    --    --    --    --    --
        APDM/APDF  PH    --    PS    PS    --    --    --    --    --    --    --    --
        UDPBLOCK   --    --    --    --    --    --    --    --    --    --    --    --
        """

    private static let rows = withoutRelay.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }

    @Test func everyPairConnectsExactlyWhereTheRulesSaySo() {
        let rows = Self.rows
        var cells = NATMatrix.run()[...]
        for row in rows {
            for (column, expected) in row.dropFirst().enumerated() {
                let cell = cells.removeFirst()
                #expect(cell.a.name == row[0] && cell.b.name == rows[column][0])
                #expect(cell.outcome.text == expected, "\(cell.a.name) × \(cell.b.name)")
                #expect((cell.outcome.kindsAtB?.description ?? "--") == String(expected.reversed()))
                #expect(cell.outcome.pairs <= 100)
            }
        }
        #expect(cells.isEmpty)
    }

    @Test func aPublicServerIsReachedFromBehindEveryNATWithAndWithoutASTUNServer() {
        let expected = [
            ("HH", "HH"), ("HH", "HH"), ("SH", "PH"), ("SH", "PH"), ("SH", "PH"), ("PH", "PH"), ("PH", "PH"), ("PH", "PH"),
            ("PH", "PH"), ("PH", "PH"), ("PH", "PH"), ("--", "--"),
        ]
        var alone = NATMatrix.Options()
        alone.hasSTUN = false
        for (client, kinds) in zip(EndpointClass.allCases, expected) {
            let withSTUN = NATMatrix.runServer(client)
            let without = NATMatrix.runServer(client, alone)
            #expect(withSTUN.text == kinds.0 && without.text == kinds.1, "\(client.name)")
            // The bound: signalling takes 20 ms, one check a round trip of 40 ms.
            if let time = withSTUN.connectTime { #expect(time <= .milliseconds(60), "\(client.name): \(time)") }
        }
    }

    @Test func theSameSeedGivesTheSameEventsAndAnotherGivesOthers() {
        let behavior = NATBehavior(.endpointIndependent, .addressAndPortDependent)
        var options = NATMatrix.Options()
        options.loss = .independent(Probability(0.1))
        let runs = [UInt64(7), 7, 8].map { seed in
            options.seed = seed
            return NATMatrix.run(.nat(behavior), .nat(behavior), options).replayHash
        }
        #expect(runs[0] == runs[1] && runs[0] != runs[2])
    }

    /// Checks that pass in both directions and never validate make a candidate each.
    @Test(arguments: ["EIF", "ADF"]) func theEndlessPeerReflexiveTrapStaysBounded(_ filtering: String) throws {
        let left = try #require(NATBehavior(name: "APDM/EIF"))
        let right = try #require(NATBehavior(name: "APDM/\(filtering)"))
        let cell = NATMatrix.run(.nat(left), .nat(right))
        #expect(cell.kindsAtA == nil)
        #expect(cell.outcome.pairs <= 100)
        // Both sides check at most every 50 ms, each check is sent nine times at most, and each has an answer.
        #expect(cell.datagrams < 35 * 20 * 2 * 2 * 9)
    }

    @Test(arguments: UInt64(1)...12) func whatCanConnectDoesThroughTenPercentOfLoss(_ seed: UInt64) {
        var options = NATMatrix.Options()
        options.seed = seed
        options.loss = .independent(Probability(0.1))
        options.patience = .seconds(10)
        let classes = EndpointClass.allCases
        // One row for each seed, all rows over all seeds.
        let row = Int(seed) % classes.count
        for column in classes.indices {
            let isPossible = Self.rows[row][column + 1] != "--"
            let cell = NATMatrix.run(classes[row], classes[column], options)
            #expect((cell.kindsAtA != nil) == isPossible, "\(cell.a.name) × \(cell.b.name)")
        }
    }
}
