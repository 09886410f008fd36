import Glibc
import Media
import Reactor
import Session
import Synchronization
import Wire

/// Reads ahead of a player, on a thread of its own: a slow server or disk does not hold up the player's clock.
final class PlayerSource: Sendable {
    private struct State {
        var info: MediaInfo?
        var failure: ElementFailure?
        /// In the order in which they are due, which need not be the resource's.
        var packets: [MediaPacket] = []
        /// Of `packets`, those that were taken.
        var taken = 0
        /// When the newest packet of each track is due.
        var newest: [Int: Interval] = [:]
        var bytes = 0
        var isAtEnd = false
        var seek: Interval?
        /// Packets are what follows the last seek from here on.
        var isSeeking = false

        /// How much of every track is there. One of which nothing comes holds up the others only so long.
        var span: Interval {
            guard taken < packets.count, let last = packets.last, let info else { return .zero }
            let first = packets[taken].dts
            let slowest = info.tracks.map { newest[$0.index] ?? first }.min() ?? last.dts
            return max(slowest, last.dts - Limits.trackDistance) - first
        }

        mutating func add(_ packet: MediaPacket) {
            var place = packets.count
            while place > taken, packets[place - 1].dts > packet.dts { place -= 1 }
            packets.insert(packet, at: place)
            newest[packet.track] = packet.dts
            bytes += packet.bytes.count
        }
    }

    private enum Origin {
        case resource(PlayerSpecification, ResourcePolicy)
        case upload(UploadBody)
    }

    /// For messages.
    let name: String
    private let state = Mutex(State())
    private let interruption = Interruption()
    private let readAhead: Interval

    /// Opens the resource in the background.
    convenience init(_ specification: PlayerSpecification, policy: ResourcePolicy) throws(SystemError) {
        let isFile = specification.uri.hasPrefix("file:") || !specification.uri.contains("://")
        let cache = isFile ? .zero : Interval.milliseconds(Int64(specification.networkCache))
        try self.init(.resource(specification, policy), specification.uri, readAhead: max(cache, Limits.readAhead))
    }

    /// Plays what is uploaded, as it comes.
    convenience init(_ body: UploadBody) throws(SystemError) {
        try self.init(.upload(body), "the upload", readAhead: Limits.readAhead)
    }

    private init(_ origin: Origin, _ name: String, readAhead: Interval) throws(SystemError) {
        self.name = name
        self.readAhead = readAhead
        try ThreadStart { [self] in read(origin) }.launch(name: "apus-source")
    }

    /// Ends the thread at once, whatever it waits for.
    func close() { interruption.interrupt() }

    // MARK: The player's side

    var info: MediaInfo? { state.withLock { $0.info } }
    var failure: ElementFailure? { state.withLock { $0.failure } }
    /// All was read, and all that was read was taken.
    var isExhausted: Bool { state.withLock { $0.isAtEnd && $0.taken == $0.packets.count && !$0.isSeeking } }
    /// When the next packet is due, in the resource's time.
    var nextTime: Interval? {
        state.withLock { $0.isSeeking || $0.taken == $0.packets.count ? nil : $0.packets[$0.taken].dts }
    }

    /// Whether one was read, and is due in time.
    func hasKeyFrame(of track: Int, until time: Interval) -> Bool {
        state.withLock { state in
            state.packets[state.taken...].contains { $0.track == track && $0.isKeyFrame && $0.dts <= time }
        }
    }

    /// The next packet, unless it is due later than `time`.
    func next(until time: Interval) -> MediaPacket? {
        state.withLock { state in
            guard !state.isSeeking, state.taken < state.packets.count, state.packets[state.taken].dts <= time else {
                return nil
            }
            let packet = state.packets[state.taken]
            state.taken += 1
            state.bytes -= packet.bytes.count
            if state.taken >= 256 {
                state.packets.removeFirst(state.taken)
                state.taken = 0
            }
            return packet
        }
    }

    /// What was read and not taken is dropped.
    func seek(to position: Interval) {
        state.withLock { state in
            state.seek = position
            state.isSeeking = true
            state.packets = []
            state.taken = 0
            state.newest = [:]
            state.bytes = 0
        }
    }

    // MARK: The thread

    private func read(_ origin: Origin) {
        do throws(MediaError) {
            switch origin {
            case .resource(let specification, let policy):
                let location: String
                do throws(ElementFailure) {
                    location = try policy.location(specification.uri)
                } catch {
                    return state.withLock { $0.failure = error }
                }
                var options = MediaReader.Options()
                options.followsRedirects = policy.allowsPrivateAddresses
                var reader = try MediaReader(location, options: options, interruption: interruption)
                try read(&reader)
            case .upload(let body):
                var reader = try MediaReader(body, interruption: interruption)
                try read(&reader)
            }
        } catch {
            let failure = ElementFailure(error, name, isWriting: false)
            if error != .interrupted { state.withLock { $0.failure = failure } }
        }
    }

    private func read(_ reader: inout MediaReader) throws(MediaError) {
        let info = reader.info
        state.withLock { $0.info = info }
        while !interruption.isInterrupted {
            let (position, hasRoom) = state.withLock { state in
                defer { state.seek = nil }
                let hasRoom = !state.isAtEnd && state.span < readAhead && state.bytes < Limits.readAheadBytes
                return (state.seek, hasRoom)
            }
            if let position {
                try reader.seek(to: position)
                state.withLock { state in
                    guard state.seek == nil else { return }
                    state.isSeeking = false
                    state.isAtEnd = false
                }
            } else if hasRoom {
                let packet = try reader.next()
                state.withLock { state in
                    guard state.seek == nil else { return }
                    guard let packet else { return state.isAtEnd = true }
                    state.add(packet)
                }
            } else {
                usleep(5000)
            }
        }
    }
}

extension ElementFailure {
    init(_ error: MediaError, _ uri: String, isWriting: Bool) {
        let place = uri.prefix(200)
        switch error {
        case .notFound: self.init(.notFound, "\(place) is not there")
        case .forbidden: self.init(.forbidden, "\(place) may not be used")
        case .notMedia: self.init(.wrongFormat, "\(place) is no media that can be played: WebM, MP4, MKV and Ogg can")
        case .unreachable: self.init(.unreachable, "the server of \(place) cannot be reached")
        case .timedOut: self.init(.unreachable, "the server of \(place) does not answer in time")
        case .interrupted: self.init(.other, "\(place) was closed")
        case .truncated: self.init(.unreadable, "\(place) ended before its media did")
        case .tooLarge: self.init(.wrongFormat, "\(place) has frames or tracks beyond what is allowed")
        case .noSpace: self.init(.noSpace, "there is no space left for \(place)")
        case .unwritable: self.init(isWriting ? .unwritable : .unreadable, "\(place) cannot be written")
        case .unsupportedCodec: self.init(.unsupportedCodec, "\(place) has a codec that is not supported")
        case .notEncoded:
            self.init(
                .unsupportedCodec,
                "\(place) would have to be encoded anew, which is turned off (media.transcoding); MKV takes every codec"
            )
        case .other(let text): self.init(isWriting ? .unwritable : .unreadable, "\(place): \(text)")
        }
    }
}
