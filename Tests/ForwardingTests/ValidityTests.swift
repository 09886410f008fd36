import RTP
import Testing
import Wire

@testable import Forwarding

/// Two publishers with up to three simulcast encodings behind a network that loses, repeats and reorders,
/// and one subscriber whose sources and layers change all the time.
private struct Scene {
    struct Arrival {
        var due: Instant
        var endpoint: EndpointIndex
        var packet: ModelSender.Packet
        var bytes: [UInt8]
    }

    let fixture: Fixture
    let kind: ModelSender.Kind
    var random: SeededRandom
    var senders: [[ModelSender]]
    var network: [Arrival] = []
    var receiver: StrictReceiver
    var loss: UInt64
    var rtxSequence: UInt16 = 0
    var seenRetransmissions = 0
    private let rids = ["q", "h", "f"]

    init(_ kind: ModelSender.Kind, seed: Int, loss: UInt64, lies: UInt64 = 0) {
        fixture = Fixture(seed: UInt64(seed))
        self.kind = kind
        self.loss = loss
        random = SeededRandom(seed: UInt64(seed) &* 31)
        receiver = StrictReceiver(kind)
        let count = kind == .vp8 || kind == .shortVP8 ? 3 : 1
        senders = (0..<2).map { publisher in
            (0..<count).map { index in
                let number = UInt32(publisher * 3 + index + 1)
                var sender = ModelSender(kind, ssrc: 0x1000 + number, name: number, seed: UInt64(seed))
                sender.lies = lies
                return sender
            }
        }
        for publisher in 0..<2 {
            let parameters = ModelSender.parameters(kind, rids: count > 1 ? rids : [])
            fixture.join(
                EndpointIndex(Int32(publisher)), [MediaSection(mid: "v", kind: .video, receives: parameters)])
        }
        var output = ModelSender.parameters(kind)
        output.headerExtensions = [HeaderExtensionParameters(uri: HeaderExtensionURI.dependencyDescriptor, id: 8)]
        output.encodings = [EncodingParameters(ssrc: 0xAA, rtxSSRC: 0xAB)]
        fixture.join(dave, [MediaSection(mid: "w", kind: .video, sends: output)])
        fixture.connect(alice, dave)
    }

    mutating func run(steps: Int) {
        for step in 0..<steps {
            choose()
            if step % 3 == 0 { emit() }
            deliver()
            if loss > 0 { nack() }
            answer()
            fixture.wait(.milliseconds(11))
        }
    }

    private mutating func choose() {
        if random.next() % 40 == 0 {
            fixture.connect(EndpointIndex(Int32(random.next() % 2)), dave)
        }
        guard random.next() % 20 == 0 else { return }
        let spatial = random.next() % 4
        let temporal = random.next() % 4
        fixture.router.selectLayers(
            of: dave, spatial: spatial == 3 ? nil : Int(spatial), temporal: temporal == 3 ? nil : Int(temporal),
            now: fixture.now)
        fixture.drain()
    }

    private mutating func emit() {
        for publisher in senders.indices {
            for index in senders[publisher].indices {
                let isSimulcast = senders[publisher].count > 1
                // Senders stop telling the RID once it is known.
                let rid = isSimulcast && senders[publisher][index].tick < 20 ? rids[index] : nil
                if random.next() % 90 == 0 { senders[publisher][index].wantsKey = true }
                for packet in senders[publisher][index].nextPicture(rid: rid) {
                    receiver.totals[packet.mark.frame] = packet.mark.parts
                    send(packet, from: EndpointIndex(Int32(publisher)))
                }
            }
        }
    }

    private mutating func send(_ packet: ModelSender.Packet, from endpoint: EndpointIndex) {
        func arrival(_ spread: UInt64) -> Arrival {
            let delay = Interval.microseconds(Int64(random.next() % spread))
            return Arrival(due: fixture.now + delay, endpoint: endpoint, packet: packet, bytes: packet.bytes)
        }
        let isReordered = loss > 0 && random.next() % 12 == 0
        if random.next() % 100 >= loss { network.append(arrival(isReordered ? 40_000 : 1)) }
        if loss > 0, random.next() % 30 == 0 { network.append(arrival(60_000)) }
    }

    /// As a reactor does it: everything is described before anything is rewritten.
    private mutating func deliver() {
        let now = fixture.now
        let due = network.enumerated().filter { $0.element.due <= now }
            .sorted { ($0.element.due, $0.offset) < ($1.element.due, $1.offset) }.map(\.element)
        network.removeAll { $0.due <= now }
        var described: [(Forward, [UInt8])] = []
        for arrival in due {
            var isAfterSwitch = false
            let forward: Forward?
            do {
                forward = try fixture.router.receiveRTP(arrival.bytes.span.bytes, from: arrival.endpoint, now: now)
            } catch {
                forward = nil
                isAfterSwitch = error == .noSubscriber
            }
            // What comes when its source is not watched any more is as good as lost.
            if !isAfterSwitch {
                receiver.arrived[arrival.packet.mark.frame, default: []].insert(arrival.packet.mark.part)
            }
            if let forward { described.append((forward, arrival.bytes)) }
        }
        for (forward, bytes) in described {
            for index in 0..<forward.subscriberCount {
                let subscriber = fixture.router.subscriber(of: forward, at: index)
                var buffer = [UInt8](repeating: 0xEE, count: 2048)
                var span = buffer.mutableSpan
                var raw = span.mutableBytes
                var length = 0
                do {
                    length = try fixture.router.rewrite(
                        forward, packet: bytes.span.bytes, for: subscriber, into: &raw, now: now)
                } catch { continue }
                receiver.receive(Array(buffer[..<length]))
            }
        }
        fixture.drain()
    }

    private mutating func nack() {
        let missing = receiver.missing()
        if !missing.isEmpty {
            fixture.sendRTCP(from: dave) { $0.writeNack(senderSSRC: 9, mediaSSRC: 0xAA, sequenceNumbers: missing) }
        }
        for sent in fixture.retransmitted[seenRetransmissions...] { receiver.receiveRTX(sent.bytes) }
        seenRetransmissions = fixture.retransmitted.count
    }

    /// Senders answer key-frame requests.
    private mutating func answer() {
        for publisher in senders.indices {
            for entry in fixture.takeRTCP(to: EndpointIndex(Int32(publisher))) {
                guard case .pictureLossIndication(let indication) = entry.packet else { continue }
                for index in senders[publisher].indices where senders[publisher][index].ssrc == indication.mediaSSRC {
                    senders[publisher][index].wantsKey = true
                }
            }
        }
        fixture.rtcp = []
    }
}

@Test(arguments: ModelSender.Kind.allCases, 1...8)
func whatIsSentIsOneDecodableStreamWithoutGaps(kind: ModelSender.Kind, seed: Int) {
    var scene = Scene(kind, seed: seed, loss: 0)
    scene.run(steps: 800)
    let numbers = scene.receiver.packets.keys.sorted()
    #expect(scene.receiver.goodFrames > 60)
    #expect(numbers.count > 100)
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 }, "a gap without loss")
    scene.receiver.checkNumbers(isHonest: true)
    #expect(scene.receiver.undecodable() == [])
}

@Test(arguments: ModelSender.Kind.allCases, 1...8)
func realLossStaysVisibleAndNothingElseIsMissing(kind: ModelSender.Kind, seed: Int) {
    var scene = Scene(kind, seed: seed, loss: 3)
    scene.run(steps: 800)
    #expect(scene.receiver.goodFrames > 60)
    scene.receiver.checkNumbers(isHonest: false)
    let faults = scene.receiver.undecodable()
    #expect(faults.isEmpty, "\(faults.map { String($0, radix: 16) })")
}

@Test(arguments: ModelSender.Kind.allCases, 1...8)
func aSenderThatLiesBreaksNoSubscribersStream(kind: ModelSender.Kind, seed: Int) {
    var scene = Scene(kind, seed: seed, loss: UInt64(seed % 3), lies: 10)
    scene.run(steps: 800)
    #expect(scene.receiver.packets.count > 50)
    scene.receiver.checkNumbers(isHonest: false, slack: seed % 3 != 0)
    if seed % 3 == 0 {
        let numbers = scene.receiver.packets.keys.sorted()
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 - $0 < 3000 })
    }
}
