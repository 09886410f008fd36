import Forwarding
import ICE
import RTP
import Session
import Testing
import Transport
import Wire

@testable import Reactor

/// A reactor, its clients and the signalling between them.
final class LoopbackStage<Driver: ReactorDriver> {
    let driver: Driver
    let session = SessionID("session")
    private(set) var peers: [LoopbackPeer] = []
    private var random: SeededRandom

    init(_ driver: Driver, seed: UInt64 = 1) {
        self.driver = driver
        random = SeededRandom(seed: seed)
    }

    var server: SocketAddress { driver.addresses[0] }

    /// A client that is not known to the reactor yet.
    func makePeer(
        _ name: String, ip: IPAddress? = nil, usesTCP: Bool = false, hasData: Bool = false
    ) throws -> LoopbackPeer {
        try LoopbackPeer(
            session: session, endpoint: EndpointID(name), ip: ip ?? server.ip, usesTCP: usesTCP, hasData: hasData,
            random: &random)
    }

    /// Opens and negotiates; the client then connects as the stage runs.
    @discardableResult
    func add(
        _ name: String, _ media: [NegotiatedMedia], ip: IPAddress? = nil, usesTCP: Bool = false, hasData: Bool = false
    ) throws -> LoopbackPeer {
        let peer = try makePeer(name, ip: ip, usesTCP: usesTCP, hasData: hasData)
        let opened = try open(peer)
        try expectDone(.negotiateEndpoint(peer.endpoint, peer.negotiated(media)))
        try peer.accept(opened)
        peers.append(peer)
        return peer
    }

    /// - Parameter restart: the credentials that the reactor has by now.
    func open(_ peer: LoopbackPeer, as restart: ICERestart? = nil) throws -> OpenedEndpoint {
        var specification = peer.specification
        if let restart {
            specification.localUfrag = restart.localUfrag
            specification.localPassword = restart.localPassword
        }
        let outcome = driver.perform(.openEndpoint(peer.endpoint, specification), in: session)
        guard case .opened(let opened) = outcome else {
            Issue.record("not opened: \(outcome)")
            throw Refusal(.invalid, "not opened")
        }
        return opened
    }

    func expectDone(_ operation: Operation, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let outcome = driver.perform(operation, in: session)
        try #require(outcome == .done, "\(operation)", sourceLocation: sourceLocation)
    }

    func route(_ source: LoopbackPeer, _ sink: LoopbackPeer, _ kind: MediaKind = .video) throws {
        try expectDone(.connect(Route(source: source.endpoint, sink: sink.endpoint, kind: kind)))
    }

    func statistics(of peer: LoopbackPeer) throws -> EndpointStatistics {
        let outcome = driver.perform(.readStatistics(peer.endpoint), in: session)
        guard case .statistics(let statistics) = outcome else { throw Refusal(.invalid, "\(outcome)") }
        return statistics
    }

    /// Lets everybody work until `done`. False after half a minute.
    func run(until done: () -> Bool) -> Bool {
        driver.wait {
            for peer in peers { peer.pump() }
            return done()
        }
    }

    func run(for interval: Interval) {
        let end = HostClock.now + interval
        _ = run { HostClock.now >= end }
    }

    /// All clients have path and keys, and the reactor knows it: it says so of each.
    func connect() throws {
        let areUp = run { [self] in
            let connected = driver.log.events.compactMap { event -> EndpointID? in
                if case .dtlsStateChanged(let endpoint, .connected) = event { endpoint } else { nil }
            }
            return peers.allSatisfy { $0.isConnected && connected.contains($0.endpoint) }
        }
        try #require(areUp, "\(peers.map { "\($0.endpoint): \($0.iceState) \($0.dtlsPhase)" })")
    }

    func forget(_ peer: LoopbackPeer) { peers.removeAll { $0 === peer } }
}

/// What is spoken here: VP8 96 with RTX 97, opus 111, mid in extension 1.
enum LoopbackMedia {
    static let transportSequenceID: UInt8 = 3

    static func parameters(_ kind: MediaKind, ssrc: UInt32?, hasTransportFeedback: Bool = false) -> RTPParameters {
        var extensions = [HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 1)]
        if hasTransportFeedback {
            extensions.append(
                HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: transportSequenceID))
        }
        let video = CodecParameters(
            name: "VP8", payloadType: 96, clockRate: 90_000,
            feedback: ["nack", "nack pli", "ccm fir"] + (hasTransportFeedback ? ["transport-cc"] : []),
            rtxPayloadType: 97)
        let audio = CodecParameters(name: "opus", payloadType: 111, clockRate: 48_000, channels: 2)
        return RTPParameters(
            codecs: [kind == .video ? video : audio], headerExtensions: extensions,
            encodings: ssrc.map { [EncodingParameters(ssrc: $0, rtxSSRC: kind == .video ? $0 + 1 : nil)] } ?? [],
            cname: "reactor")
    }

    static func section(
        _ kind: MediaKind, _ direction: MediaDirection, ssrc: UInt32 = 0xAA, hasTransportFeedback: Bool = false
    ) -> NegotiatedMedia {
        NegotiatedMedia(
            mid: kind == .video ? "v" : "a", kind: kind, direction: direction,
            receive: parameters(kind, ssrc: nil, hasTransportFeedback: hasTransportFeedback),
            send: parameters(kind, ssrc: ssrc))
    }

    /// A packet as a browser would send it; video starts with a key frame at 0.
    static func packet(
        _ kind: MediaKind, _ sequence: Int, ssrc: UInt32, payloadBytes: Int = 100, isKeyFrame: Bool? = nil,
        hasTransportSequence: Bool = false
    ) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: payloadBytes + 100)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let header = RTPHeader(
            payloadType: kind == .video ? 96 : 111, marker: true,
            sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: sequence)),
            timestamp: UInt32(truncatingIfNeeded: sequence * 3000), ssrc: ssrc)
        var writer = try! RTPHeaderWriter(header, into: &raw)
        writer.append(id: 1, HeaderExtensionValue(kind == .video ? "v" : "a")!, into: &raw)
        if hasTransportSequence {
            writer.append(id: transportSequenceID, UInt16(truncatingIfNeeded: sequence), into: &raw)
        }
        let start = writer.finish(into: &raw)
        let payload = payload(kind, sequence, bytes: payloadBytes, isKeyFrame: isKeyFrame)
        raw.store(contentsOf: payload.span.bytes, at: start)
        return Array(buffer[..<(start + payload.count)])
    }

    /// VP8's descriptor and frame tag, then the number, then filling: no two are alike.
    static func payload(
        _ kind: MediaKind, _ sequence: Int, bytes: Int = 100, isKeyFrame: Bool? = nil
    ) -> [UInt8] {
        var payload: [UInt8] =
            kind == .video
            ? [0x10, isKeyFrame ?? (sequence == 0) ? 0x00 : 0x01, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x10, 0x00, 0x10, 0x00] : []
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: sequence).bigEndian) { payload.append(contentsOf: $0) }
        while payload.count < bytes { payload.append(UInt8(truncatingIfNeeded: payload.count &* 7 &+ sequence)) }
        return payload
    }
}

/// A received packet, taken apart.
struct ReceivedPacket {
    let header: RTPHeader
    let payload: [UInt8]

    init(_ bytes: [UInt8]) throws {
        header = try RTPHeader(parsing: bytes.span.bytes)
        payload = Array(bytes[header.payloadRange])
    }
}
