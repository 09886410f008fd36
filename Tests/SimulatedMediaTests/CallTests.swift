import ICE
import STUN
import SimulatedMedia
import Simulator
import Testing
import Wire

/// Calls through the production server, in simulated time.
@Suite struct CallTests {
    static func options(
        _ parties: [CallSimulation.Party], seconds: Int64 = 1, seed: UInt64 = 1, crypto: CallRoom.Crypto = .real
    ) -> CallSimulation.Options {
        var options = CallSimulation.Options(seed: seed, parties: parties, duration: .seconds(seconds))
        options.warmup = .seconds(1)
        options.settling = .seconds(1)
        options.crypto = crypto
        return options
    }

    static func party(
        _ gateway: CallSimulation.Party.Gateway = .none, loss: Double = 0
    ) -> CallSimulation.Party {
        var link = LinkBehavior(delay: .milliseconds(10))
        if loss > 0 { link.loss = .independent(Probability(loss)) }
        return CallSimulation.Party(gateway, up: link, down: link)
    }

    /// What holds in every call: nobody gets what was not sent, and nothing goes out that must not.
    static func expectSound(_ report: CallReport) {
        #expect(report.violations == [])
        #expect(report.packets > 0)
        for stream in report.streams {
            #expect(stream.corrupt == 0 && stream.duplicated == 0 && stream.disordered == 0, "\(stream)")
        }
        for party in report.parties { #expect(party.statistics.badTags == 0) }
        #expect(!report.serverDrops.contains { $0.reason == "srtp_bad_tag" })
    }

    @Test(arguments: CallRoom.Crypto.allCases) func partiesHearEachOther(_ crypto: CallRoom.Crypto) {
        let report = CallSimulation.run(Self.options([Self.party(), Self.party(), Self.party()], crypto: crypto))
        Self.expectSound(report)
        #expect(report.streams.count == 12)
        for stream in report.streams {
            #expect(stream.sent >= 50 && stream.received == stream.sent && stream.repaired == 0, "\(stream)")
            #expect(stream.firstMedia.map { $0 < .seconds(1) } == true)
        }
        #expect(report.keyLog.count == (crypto == .real ? 3 : 0))
        #expect(report.keyLog.allSatisfy { $0.hasPrefix("CLIENT_RANDOM ") })
    }

    @Test(arguments: CallRoom.Crypto.allCases) func theSameSeedGivesTheSameBytes(_ crypto: CallRoom.Crypto) {
        var options = Self.options([Self.party(loss: 0.05), Self.party()], seconds: 1, crypto: crypto)
        options.keepsEntries = true
        let first = CallSimulation.run(options)
        let second = CallSimulation.run(options)
        #expect(first.replayHash == second.replayHash && first.keyLog == second.keyLog)
        #expect(first.log.entries == second.log.entries)
        options.seed = 2
        let other = CallSimulation.run(options)
        #expect(other.replayHash != first.replayHash)
        #expect(crypto == .stubbed || other.keyLog != first.keyLog)
    }

    @Test func handshakesCompleteThroughHeavyLoss() {
        for seed in UInt64(1)...8 {
            var options = Self.options([Self.party(loss: 0.2), Self.party(loss: 0.2)], seconds: 1, seed: seed)
            options.warmup = .seconds(10)
            options.framesPerSecond = 0
            let report = CallSimulation.run(options)
            Self.expectSound(report)
            for party in report.parties {
                #expect(party.handshake.map { $0 < .seconds(8) } == true, "seed \(seed): \(party)")
            }
        }
    }

    @Test(arguments: [false, true]) func partiesBehindTheHardestNATsHearEachOther(_ isLite: Bool) {
        let nat = CallSimulation.Party.Gateway.nat(NATBehavior(.addressAndPortDependent, .addressAndPortDependent))
        var options = Self.options([Self.party(nat), Self.party(nat)])
        options.isLite = isLite
        let report = CallSimulation.run(options)
        Self.expectSound(report)
        #expect(report.streams.count == 4)
        for stream in report.streams { #expect(stream.sent >= 50 && stream.received == stream.sent, "\(stream)") }
    }

    @Test func lossIsRepaired() {
        let parties = [Self.party(loss: 0.05), Self.party(loss: 0.05)]
        var options = Self.options(parties, seconds: 5)
        options.warmup = .seconds(3)
        let report = CallSimulation.run(options)
        Self.expectSound(report)
        for stream in report.streams where stream.kind == "video" {
            #expect(stream.repaired > stream.sent / 20 && stream.lost == 0, "\(stream)")
        }
        // Audio is not asked for again: it shows what the links lose, 1 - 0.95².
        for stream in report.streams where stream.kind == "audio" {
            #expect(stream.lost > stream.sent / 20 && stream.lost < stream.sent / 6, "\(stream)")
        }
        options.sendsNacks = false
        options.duration = .seconds(2)
        let without = CallSimulation.run(options)
        #expect(without.streams.contains { $0.kind == "video" && $0.lost > $0.sent / 40 })
    }

    @Test func whatTheNetworkDoublesIsRejected() {
        var doubling = Self.party()
        doubling.up.duplication = Probability(0.2)
        doubling.down.duplication = Probability(0.2)
        let report = CallSimulation.run(Self.options([doubling, Self.party()]))
        Self.expectSound(report)
        #expect(report.parties[0].statistics.replayed > 10)
        #expect(report.serverDrops.contains { $0.reason == "srtp_replayed" && $0.count > 10 })
        for stream in report.streams { #expect(stream.received == stream.sent, "\(stream)") }
    }

    @Test func aRestartAndANewAddressUseNoIndexTwice() {
        let nat = CallSimulation.Party.Gateway.nat(NATBehavior(.addressAndPortDependent, .addressAndPortDependent))
        var moving = Self.party(nat, loss: 0.02)
        moving.restarts = [Instant.origin + .seconds(2), Instant.origin + .seconds(10)]
        moving.rebindings = [Instant.origin + .seconds(4)]
        var options = Self.options([moving, Self.party(nat)], seconds: 12)
        options.framesPerSecond = 5
        let report = CallSimulation.run(options)
        Self.expectSound(report)
        #expect(report.parties[0].statistics.restarted == 2)
        for stream in report.streams {
            #expect(stream.received > stream.sent / 2, "media goes on after both: \(stream)")
        }
    }

    @Test(arguments: RelayCarrier.allCases, [false, true])
    func partiesWithoutAnotherWayUseARelay(_ carrier: RelayCarrier, _ blocksUDP: Bool) throws {
        let nat = CallSimulation.Party.Gateway.nat(NATBehavior(.addressAndPortDependent, .addressAndPortDependent))
        var inside = Self.party(nat, loss: 0.01)
        inside.blocksUDP = blocksUDP
        inside.relay = carrier
        var options = Self.options([inside, Self.party()], seconds: 2)
        options.warmup = .seconds(3)
        let report = CallSimulation.run(options)
        if blocksUDP, carrier == .udp {
            #expect(report.parties[0].kinds == nil && report.streams.allSatisfy { $0.received == 0 })
            return
        }
        Self.expectSound(report)
        #expect(report.parties[0].kinds?.local == .relayed && report.parties[0].relay == carrier)
        #expect(report.parties[1].kinds?.local == .host && report.parties[1].relay == nil)
        for stream in report.streams {
            #expect(stream.sent >= 100 && stream.received * 100 >= stream.sent * 95, "\(stream)")
            // TCP loses nothing that it took.
            if carrier != .udp { #expect(stream.received == stream.sent, "\(stream)") }
        }
        let relayed = try #require(report.relayed)
        #expect(relayed.allocations == 1 && relayed.permissions >= 1 && relayed.channels >= 1)
        let own = report.streams.filter { $0.publisher == 0 }.reduce(0) { $0 + Int($1.received) }
        #expect(relayed.toPeers.datagrams > own && relayed.toClients.datagrams > own)
    }

    @Test func aRelayedCallGivesTheSameBytesAgain() {
        var party = Self.party(loss: 0.02)
        party.blocksUDP = true
        party.relay = .tls
        let options = Self.options([party, party])
        let first = CallSimulation.run(options)
        #expect(first.replayHash == CallSimulation.run(options).replayHash)
        #expect(first.keyLog.count == 2 && first.violations == [])
    }

    @Test func aBlockedPartyWithoutARelayStaysOut() {
        var party = Self.party()
        party.blocksUDP = true
        let report = CallSimulation.run(Self.options([party, Self.party()]))
        #expect(report.parties[0].kinds == nil && report.parties[1].kinds != nil && report.relayed == nil)
    }
}
