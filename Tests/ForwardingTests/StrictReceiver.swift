import RTP
import Testing
import Wire

@testable import Forwarding

/// A depacketiser that forgives nothing: what reaches one subscriber must be one valid stream.
struct StrictReceiver {
    struct Packet {
        var header: RTPHeader
        var payload: [UInt8]
        var mark: Mark?
        var picture: UInt16?
        var base: UInt8?
        var temporal: UInt8
    }

    let kind: ModelSender.Kind
    private var unwrapper = SequenceUnwrapper()
    private(set) var packets: [Int64: Packet] = [:]
    private(set) var newest: Int64 = 0
    /// Arrived at the router, by frame: the parts. What is not here was lost before.
    var arrived: [UInt32: Set<UInt8>] = [:]

    init(_ kind: ModelSender.Kind) { self.kind = kind }

    mutating func receive(_ bytes: [UInt8]) {
        let header = try! RTPHeader(parsing: bytes.span.bytes)
        let number = unwrapper.unwrap(header.sequenceNumber)
        take(header, Array(bytes[header.payloadRange]), at: number, descriptor: descriptor(header, bytes))
    }

    /// An RTX packet: the original number first.
    mutating func receiveRTX(_ bytes: [UInt8]) {
        let header = try! RTPHeader(parsing: bytes.span.bytes)
        let payload = Array(bytes[header.payloadRange])
        let number = SequenceNumber(UInt16(payload[0]) << 8 | UInt16(payload[1]))
        let extended = newest + Int64(number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: newest))))
        take(header, Array(payload.dropFirst(2)), at: extended, descriptor: descriptor(header, bytes))
    }

    private func descriptor(_ header: RTPHeader, _ bytes: [UInt8]) -> [UInt8]? {
        header.headerExtension(id: 8, in: bytes.span.bytes).map { Array(bytes[$0]) }
    }

    private mutating func take(_ header: RTPHeader, _ payload: [UInt8], at number: Int64, descriptor: [UInt8]?) {
        var packet = Packet(header: header, payload: payload, mark: Mark(payload), temporal: 0)
        if !payload.isEmpty { #expect(packet.mark != nil, "a payload was damaged") }
        switch kind {
        case .vp8, .shortVP8:
            if let parsed = try? VP8PayloadDescriptor(parsing: payload.span.bytes) {
                #expect(parsed.hasLongPictureID)
                packet.picture = parsed.pictureID
                packet.base = parsed.baseLayerIndex
                packet.temporal = parsed.temporalLayer ?? 0
            }
        case .vp9, .flexibleVP9:
            if let parsed = try? VP9PayloadDescriptor(parsing: payload.span.bytes) {
                packet.picture = parsed.pictureID
                packet.base = parsed.baseLayerIndex
                packet.temporal = parsed.temporalLayer
            }
        case .av1:
            if let descriptor { packet.picture = UInt16(descriptor[1]) << 8 | UInt16(descriptor[2]) }
        }
        if let held = packets[number] {
            #expect(held.payload == payload, "number \(number) was used for two contents")
            #expect(held.header.timestamp == header.timestamp)
            return
        }
        packets[number] = packet
        newest = max(newest, number)
    }

    /// Numbers among the last ones that have not come.
    func missing() -> [SequenceNumber] {
        guard let first = packets.keys.min() else { return [] }
        return (max(first, newest - 150)...newest).filter { packets[$0] == nil }.map {
            SequenceNumber(UInt16(truncatingIfNeeded: $0))
        }
    }

    /// Gaps, times, counters; `lost` says how many packets never reached the router between two of one frame
    /// name's inputs.
    ///
    /// Where a sender's counters jump among packets that come out of order, what it says about those cannot be
    /// told from the truth: `slack` allows for that.
    func checkNumbers(isHonest: Bool, slack: Bool = false) {
        var before: (number: Int64, packet: Packet)?
        for number in packets.keys.sorted() {
            guard let packet = packets[number] else { continue }
            defer { if packet.mark != nil { before = (number, packet) } }
            guard let before, let mark = packet.mark, let earlier = before.packet.mark else { continue }
            let step = Int32(bitPattern: packet.header.timestamp &- before.packet.header.timestamp)
            #expect(step >= (slack ? -Limits.lateTicks : 0), "time went back at \(number)")
            #expect(step < 90_000 * 20, "time jumped at \(number)")
            if slack { continue }
            let isSamePicture = mark.frame >> 4 == earlier.frame >> 4
            if isHonest { #expect(isSamePicture == (step == 0), "a picture's time is not its own at \(number)") }
            let gap = number - before.number
            if let picture = packet.picture, let last = before.packet.picture {
                checkPicture(picture, last, gap: gap, isSame: isSamePicture, number, isHonest: isHonest)
            }
            if let base = packet.base, let last = before.packet.base, !isSamePicture {
                let delta = Int64(base &- last)
                let least: Int64 = packet.temporal == 0 ? 1 : 0
                #expect(delta >= least && delta <= max(gap, least), "TL0PICIDX \(last) -> \(base) at \(number)")
            }
        }
    }

    private func checkPicture(
        _ picture: UInt16, _ last: UInt16, gap: Int64, isSame: Bool, _ number: Int64, isHonest: Bool
    ) {
        let delta =
            kind == .av1
            ? Int64(Int16(bitPattern: picture &- last)) : Int64(Int16(bitPattern: (picture &- last) << 1) >> 1)
        let isThinned = kind != .vp8 && kind != .shortVP8
        if isSame, kind != .av1 {
            #expect(delta == 0, "one picture has two ids at \(number)")
        } else if isThinned {
            #expect(delta >= (isSame ? 0 : 1) && delta <= gap + 300, "picture \(last) -> \(picture) at \(number)")
        } else {
            #expect(delta >= 1 && delta <= gap, "picture \(last) -> \(picture) over \(gap) at \(number)")
        }
    }

    /// Frames that came whole and whose references did not, though they reached the router.
    func undecodable() -> [UInt32] {
        var parts: [UInt32: Set<UInt8>] = [:]
        var marks: [UInt32: Mark] = [:]
        var order: [UInt32] = []
        for number in packets.keys.sorted() {
            guard let mark = packets[number]?.mark else { continue }
            if marks[mark.frame] == nil { order.append(mark.frame) }
            marks[mark.frame] = mark
            parts[mark.frame, default: []].insert(mark.part)
        }
        var good: Set<UInt32> = []
        var excused: Set<UInt32> = []
        var faults: [UInt32] = []
        for (index, frame) in order.enumerated() {
            guard let mark = marks[frame] else { continue }
            let isWhole = parts[frame]?.count == Int(mark.parts)
            let lost = mark.needs.filter { !good.contains($0) }
            if isWhole, lost.isEmpty {
                good.insert(frame)
            } else if !isWhole {
                excused.insert(frame)
                // Cut off by a switch, which brings a key frame, or by loss; by nothing else.
                let isCut = order[index...].prefix(kind == .vp8 || kind == .shortVP8 ? 5 : 15).contains {
                    $0 >> 4 != frame >> 4 && ($0 >> 24 != frame >> 24 || marks[$0]?.needs.isEmpty ?? false)
                }
                if !isCut, !isLost(frame, mark.parts) { faults.append(frame) }
            } else if lost.allSatisfy({ excused.contains($0) || isLost($0, mark.parts) }) {
                excused.insert(frame)
            } else {
                faults.append(frame)
                excused.insert(frame)
            }
        }
        return faults
    }

    /// A part of the frame never reached the router. Of a frame with no part at all nothing is known.
    private func isLost(_ frame: UInt32, _ parts: UInt8) -> Bool {
        guard let arrived = arrived[frame], let total = totals[frame] else { return true }
        return arrived.count < Int(total)
    }

    var totals: [UInt32: UInt8] = [:]
    var goodFrames: Int { Set(packets.values.compactMap { $0.mark?.frame }).count }
}
