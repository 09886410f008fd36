import Foundation
import RTP
import SDP
import Session

// Encodings that nobody watches: WHIP has no word for them (RFC 7728's PAUSE is one that browsers do not know), so that
// publishers are told by server-sent events.
extension Gateway {
    /// The media plane says which encodings of a publisher's section anybody wants, in the order of the offer.
    func noteEncodings(_ active: [Bool], ofSection mid: String, _ publisher: Resource) {
        guard configuration.switchesEncodings, !publisher.isEnded, publisher.role == .publisher else { return }
        // Who begins sends all: that needs no word.
        let held = publisher.encodings[mid] ?? Array(repeating: true, count: active.count)
        guard active != held, publisher.tellEncodings(active, ofSection: mid) else { return }
        publisher.encodings[mid] = active
        touch(publisher)
        // A process that takes over tells who listens there what still holds.
        Task { await self.remember(publisher.room) }
    }
}

extension Resource {
    /// False when the client has no names for them.
    func tellEncodings(_ active: [Bool], ofSection mid: String) -> Bool {
        guard let section = media.first(where: { $0.mid == mid && $0.direction.receives }),
            let notice = EncodingsNotice(mid: mid, section.receive.encodings, active)
        else { return false }
        notices.send(notice)
        return true
    }
}

/// Which encodings of a section the client should send, in the words of `RTCRtpEncodingParameters`.
struct EncodingsNotice: Hashable, Codable {
    struct Encoding: Hashable, Codable {
        var rid: String
        var active: Bool
    }

    var mid: String
    var encodings: [Encoding]

    /// Nil where they are told apart by SSRC: `setParameters` cannot name them.
    init?(mid: String, _ parameters: [EncodingParameters], _ active: [Bool]) {
        self.mid = mid
        encodings = zip(parameters, active).compactMap { parameters, active in
            parameters.rid.map { Encoding(rid: $0, active: active) }
        }
        guard encodings.count == active.count, encodings.count > 1 else { return nil }
    }

    var text: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return nil }
        return "event: encodings\ndata: \(String(decoding: data, as: UTF8.self))\n\n"
    }
}
