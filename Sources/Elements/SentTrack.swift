import Payload
import RTP
import Reactor
import Session
import Wire

/// One stream of RTP that an element sends: encoded frames in, packets out, and the reports that say when they belong.
///
/// Its timestamps follow the clock of this host, whatever the frames' own time was before: they never go back.
struct SentTrack {
    typealias Format = (format: PayloadFormat, payloadType: UInt8)

    let kind: MediaKind
    let ssrc: UInt32
    /// What it may send, of one kind.
    private let formats: [Format]
    /// What it sends.
    private var current: Format
    private var packetizer: Packetizer
    private var random: SeededRandom
    private var sequence: SequenceNumber
    private let origin: Instant
    private let firstTimestamp: UInt32
    private var packets: UInt32 = 0
    private var octets: UInt32 = 0
    private var nextReport = Instant.origin
    private let cname: String

    init(_ format: PayloadFormat, payloadType: UInt8, cname: String, now: Instant, random: inout SeededRandom) {
        self.init([(format, payloadType)], cname: cname, now: now, random: &random)
    }

    /// - Parameter formats: at least one; the first is what it sends until ``follow(_:_:)``.
    init(_ formats: [Format], cname: String, now: Instant, random: inout SeededRandom) {
        self.formats = formats
        current = formats[0]
        kind = current.format.kind
        self.cname = cname
        packetizer = Packetizer(current.format, payloadLength: Limits.payloadBytes, random: &random)
        origin = now
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        sequence = SequenceNumber(UInt16.random(in: .min ... .max, using: &random))
        firstTimestamp = UInt32.random(in: .min ... .max, using: &random)
        self.random = SeededRandom(seed: random.next())
    }

    var format: PayloadFormat { current.format }

    /// Sends another of its formats from now on.
    ///
    /// - Parameter sets: of H.264, parameter sets that the frames do not bring.
    mutating func follow(_ format: PayloadFormat, _ sets: NALUnits) {
        guard let found = formats.first(where: { $0.format == format }) else { return }
        current = found
        packetizer = Packetizer(format, payloadLength: Limits.payloadBytes, random: &random)
        packetizer.setParameterSets(sets)
    }

    /// As a peer that sends it would negotiate it.
    var section: NegotiatedMedia {
        let codecs = formats.map { format, payloadType in
            var codec = format.parameters(payloadType: payloadType)
            if kind == .video { codec.feedback = ["nack pli", "ccm fir"] }
            return codec
        }
        let parameters = RTPParameters(
            codecs: codecs, encodings: [EncodingParameters(ssrc: ssrc)], cname: cname)
        return NegotiatedMedia(
            mid: kind.rawValue, kind: kind, direction: .recvonly, receive: parameters, send: RTPParameters())
    }

    /// - Parameter instant: when the frame is to be shown or heard.
    mutating func send(_ frame: [UInt8], at instant: Instant, into batch: inout PacketBatch) {
        send(frame, timestamp: timestamp(at: instant), into: &batch)
    }

    /// For whoever goes by the clock of another stream.
    mutating func send(_ frame: [UInt8], timestamp: UInt32, into batch: inout PacketBatch) {
        // What is no frame of the format is not sent: the resource is damaged there.
        for payload in (try? packetizer.packetize(frame)) ?? [] {
            let header = RTPHeader(
                payloadType: current.payloadType, marker: payload.marker, sequenceNumber: sequence,
                timestamp: timestamp &+ payload.offset,
                ssrc: ssrc)
            var packet = [UInt8](repeating: 0, count: RTPHeader.fixedLength)
            var span = packet.mutableSpan
            var bytes = unsafe span.mutableBytes
            guard (try? RTPHeaderWriter(header, into: &bytes)) != nil else { continue }
            packet += payload.bytes
            batch.append(packet)
            sequence = sequence.advanced(by: 1)
            packets &+= 1
            octets &+= UInt32(truncatingIfNeeded: payload.bytes.count)
        }
    }

    private func timestamp(at instant: Instant) -> UInt32 {
        let elapsed = max(instant - origin, .zero).nanoseconds
        let ticks =
            (elapsed / 1_000_000_000) * Int64(format.clockRate)
            + (elapsed % 1_000_000_000) * Int64(format.clockRate) / 1_000_000_000
        return firstTimestamp &+ UInt32(truncatingIfNeeded: ticks)
    }

    /// A sender report, when one is due: both kinds' reports together say what belongs together.
    mutating func report(now: Instant, unixOffset: Interval, into batch: inout PacketBatch) {
        guard packets > 0, now >= nextReport else { return }
        nextReport = now + Limits.reportInterval
        report(ntp: NTPTimestamp(now, unixOffset: unixOffset), timestamp: timestamp(at: now), into: &batch)
    }

    /// A sender report that says what time a time stamp is, once anything was sent.
    func report(ntp: NTPTimestamp, timestamp: UInt32, into batch: inout PacketBatch) {
        guard packets > 0 else { return }
        var writer = ByteWriter(capacity: 128)
        writer.writeSenderReport(
            SenderReport(
                ssrc: ssrc, ntp: ntp, rtpTimestamp: timestamp, packetCount: packets, octetCount: octets))
        writer.writeSourceDescription(ssrc: ssrc, cname: cname)
        batch.append(writer.bytes)
    }
}
