import Simulator
import Testing
import Wire

/// The matrix of NATs against what RFC 4787's rules give by hand.
@Suite struct NATMatrixTests {
    /// As A sees the path: rows A, columns B, both in the order of ``EndpointClass/allCases``.
    static let tables: [Encounter.Relays: String] = [
        .none: """
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
            """,
        .both: """
            OPEN       HH    HH    HS    HS    HS    HP    HP    HP    HP    HP    HP    HR
            FW         HH    HH    HS    HS    HS    HR    HR    HR    HR    HR    HR    HR
            EIM/EIF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    SR
            EIM/ADF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    SR
            EIM/APDF   SH    SH    SS    SS    SS    RP    RP    RP    RP    RP    RP    SR
            ADM/EIF    PH    RH    PS    PS    PR    PP    PP    PR    PP    PP    PR    PR
            ADM/ADF    PH    RH    PS    PS    PR    PP    PR    PR    PP    PR    PR    PR
            ADM/APDF   PH    RH    PS    PS    PR    PR    PR    PR    PR    PR    PR    PR
            APDM/EIF   PH    RH    PS    PS    PR    PP    PP    PR    PR    PR    PR    PR
            APDM/ADF   PH    RH    PS    PS    PR    PP    PR    PR    PR    PR    PR    PR
            APDM/APDF  PH    RH    PS    PS    PR    PR    PR    PR    PR    PR    PR    PR
            UDPBLOCK   RH    RH    RS    RS    RS    RP    RP    RP    RP    RP    RP    RR
            """,
        .onlyA: """
            OPEN       HH    HH    HS    HS    HS    HP    HP    HP    HP    HP    HP    --
            FW         HH    HH    HS    HS    HS    RP    RP    RP    RP    RP    RP    --
            EIM/EIF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    --
            EIM/ADF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    --
            EIM/APDF   SH    SH    SS    SS    SS    RP    RP    RP    RP    RP    RP    --
            ADM/EIF    PH    RH    PS    PS    RS    PP    PP    RP    PP    PP    RP    --
            ADM/ADF    PH    RH    PS    PS    RS    PP    RP    RP    PP    RP    RP    --
            ADM/APDF   PH    RH    PS    PS    RS    RP    RP    RP    RP    RP    RP    --
            APDM/EIF   PH    RH    PS    PS    RS    PP    PP    RP    RP    RP    RP    --
            APDM/ADF   PH    RH    PS    PS    RS    PP    RP    RP    RP    RP    RP    --
            APDM/APDF  PH    RH    PS    PS    RS    RP    RP    RP    RP    RP    RP    --
            UDPBLOCK   RH    RH    RS    RS    RS    RP    RP    RP    RP    RP    RP    --
            """,
        .onlyB: """
            OPEN       HH    HH    HS    HS    HS    HP    HP    HP    HP    HP    HP    HR
            FW         HH    HH    HS    HS    HS    HR    HR    HR    HR    HR    HR    HR
            EIM/EIF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    SR
            EIM/ADF    SH    SH    SS    SS    SS    SP    SP    SP    SP    SP    SP    SR
            EIM/APDF   SH    SH    SS    SS    SS    SR    SR    SR    SR    SR    SR    SR
            ADM/EIF    PH    PR    PS    PS    PR    PP    PP    PR    PP    PP    PR    PR
            ADM/ADF    PH    PR    PS    PS    PR    PP    PR    PR    PP    PR    PR    PR
            ADM/APDF   PH    PR    PS    PS    PR    PR    PR    PR    PR    PR    PR    PR
            APDM/EIF   PH    PR    PS    PS    PR    PP    PP    PR    PR    PR    PR    PR
            APDM/ADF   PH    PR    PS    PS    PR    PP    PR    PR    PR    PR    PR    PR
            APDM/APDF  PH    PR    PS    PS    PR    PR    PR    PR    PR    PR    PR    PR
            UDPBLOCK   --    --    --    --    --    --    --    --    --    --    --    --
            """,
    ]

    private static func rows(_ relays: Encounter.Relays) -> [[String]] {
        (tables[relays] ?? "").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    /// What A has in a cell, by the names of both classes.
    static func cell(_ relays: Encounter.Relays, _ a: String, _ b: String) -> String? {
        let rows = rows(relays)
        guard let row = rows.first(where: { $0[0] == a }), let column = rows.firstIndex(where: { $0[0] == b }) else {
            return nil
        }
        return row[column + 1]
    }

    @Test(arguments: Encounter.Relays.allCases)
    func everyPairConnectsExactlyWhereTheRulesSaySo(_ relays: Encounter.Relays) {
        let rows = Self.rows(relays)
        var options = NATMatrix.Options()
        options.relays = relays
        var cells = NATMatrix.run(options)[...]
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
        var relayed = NATMatrix.Options()
        relayed.relays = .onlyA
        for (client, kinds) in zip(EndpointClass.allCases, expected) {
            let withSTUN = NATMatrix.runServer(client)
            let without = NATMatrix.runServer(client, alone)
            #expect(withSTUN.text == kinds.0 && without.text == kinds.1, "\(client.name)")
            #expect(NATMatrix.runServer(client, relayed).text == (client == .udpBlocked ? "RH" : kinds.0))
            // The bound: signalling takes 20 ms, one check a round trip of 40 ms.
            if let time = withSTUN.connectTime { #expect(time <= .milliseconds(60), "\(client.name): \(time)") }
        }
    }

    @Test func aServerThatAcceptsTCPIsReachedFromWhereNoUDPGets() {
        var options = NATMatrix.Options()
        options.hasStreams = true
        for client in EndpointClass.allCases {
            let outcome = NATMatrix.runServer(client, options)
            #expect(outcome.isStream == (client == .udpBlocked), "\(client.name)")
            if client != .udpBlocked { #expect(outcome.text == NATMatrix.runServer(client).text) }
        }
        let outcome = NATMatrix.runServer(.udpBlocked, options)
        #expect(outcome.text == "HH" && outcome.kindsAtB?.description == "HP")
        // Signalling, the turn of the UDP check, a handshake and a check.
        #expect(outcome.connectTime.map { $0 <= .milliseconds(20 + 50 + 40 + 40) } ?? false)
    }

    @Test func tcpThroughFivePercentOfLossConnectsWithinItsOwnRetransmissions() {
        var options = NATMatrix.Options()
        options.hasStreams = true
        options.loss = .independent(Probability(0.05))
        for seed in UInt64(1)...40 {
            options.seed = seed
            let outcome = NATMatrix.runServer(.udpBlocked, options)
            #expect(outcome.isStream, "seed \(seed)")
            // A lost SYN is sent again after a second (RFC 6298 section 2.1).
            #expect(outcome.connectTime.map { $0 <= .milliseconds(3500) } ?? false, "seed \(seed)")
        }
    }

    @Test func aPublicPeerThatAcceptsTCPIsReachedByOneBehindAnyNATWithoutUDP() {
        var options = NATMatrix.Options()
        options.hasStreams = true
        for other in EndpointClass.allCases where other != .open {
            let outcome = NATMatrix.run(.udpBlocked, other, options)
            // Nobody can open a connection to a host behind a NAT or a firewall.
            #expect(outcome.kindsAtA == nil, "\(other.name)")
        }
        #expect(NATMatrix.run(.udpBlocked, .open, options).isStream)
    }

    /// The bound is the signalling's 20 ms and one round trip of 40 ms; a retransmission takes 250 ms.
    @Test func throughFivePercentOfLossAServerIsReachedWithinOneRetransmissionOfTheBound() {
        var options = NATMatrix.Options()
        options.loss = .independent(Probability(0.05))
        for client in EndpointClass.allCases where client != .udpBlocked {
            var times: [Interval] = []
            for seed in UInt64(1)...40 {
                options.seed = seed
                if let time = NATMatrix.runServer(client, options).connectTime { times.append(time) }
            }
            times.sort()
            #expect(times.count == 40, "\(client.name)")
            #expect(times[times.count / 2] <= .milliseconds(66), "\(client.name): \(times[times.count / 2])")
            #expect(times[times.count * 95 / 100] <= .milliseconds(310), "\(client.name): \(times)")
        }
    }

    @Test func theSameSeedGivesTheSameEventsAndAnotherGivesOthers() {
        let behavior = NATBehavior(.endpointIndependent, .addressAndPortDependent)
        var options = NATMatrix.Options()
        options.loss = .independent(Probability(0.1))
        options.relays = .both
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
        let outcome = NATMatrix.run(.nat(left), .nat(right))
        #expect(outcome.kindsAtA == nil)
        #expect(outcome.pairs <= 100)
        // Both sides check at most every 50 ms, each check is sent nine times at most, and each has an answer.
        #expect(outcome.datagrams < 35 * 20 * 2 * 2 * 9)
    }

    @Test(arguments: UInt64(1)...12) func whatCanConnectDoesThroughTenPercentOfLoss(_ seed: UInt64) {
        var options = NATMatrix.Options()
        options.seed = seed
        options.loss = .independent(Probability(0.1))
        options.patience = .seconds(10)
        options.relays = seed % 2 == 0 ? .none : .both
        let rows = Self.rows(options.relays)
        let classes = EndpointClass.allCases
        // One row for each seed, all rows over all seeds.
        let row = Int(seed) % classes.count
        for column in classes.indices {
            let isPossible = rows[row][column + 1] != "--"
            let outcome = NATMatrix.run(classes[row], classes[column], options)
            #expect((outcome.kindsAtA != nil) == isPossible, "\(classes[row].name) × \(classes[column].name)")
        }
    }
}
