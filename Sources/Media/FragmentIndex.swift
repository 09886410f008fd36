import CFFmpeg

/// Makes a fragmented MP4 file of ours a plain one (ISO/IEC 14496-12 section 8): reads what the fragments hold, appends
/// a `moov` box with all of it, and then hides the fragments' own boxes inside one `mdat`.
struct FragmentIndex {
    /// What stands behind `ftyp` while the file grows: room for the header of that `mdat`.
    static let reserve: [UInt8] = [0, 0, 0, 16] + Array("free".utf8) + [UInt8](repeating: 0, count: 8)

    private static let maximumHeader = 8 << 20

    private let descriptor: Int32
    private var reservePosition: Int64 = 0
    private var movie: [UInt8] = []
    private var tracks: [UInt32: IndexedTrack] = [:]

    /// Leaves a file that it does not understand as it is: it plays.
    static func finish(_ descriptor: Int32) throws(MediaError) {
        var index = FragmentIndex(descriptor: descriptor)
        let size = apus_media_file_size(descriptor)
        guard try index.read(size) else { return }
        let header = MovieBox.rebuild(index.movie, tracks: index.tracks.mapValues { $0.ended })
        guard let header, header.count <= Int(UInt32.max) else { return }
        let failed = unsafe apus_media_write_at(descriptor, header, header.count, size)
        if failed < 0 {
            apus_media_truncate(descriptor, size)
            throw MediaError(failed, while: .writing)
        }
        var hiding = BoxWriter()
        hiding.append(UInt32(1))
        hiding.append("mdat")
        hiding.append(UInt64(size - index.reservePosition))
        let result = unsafe apus_media_write_at(
            descriptor, hiding.bytes, hiding.bytes.count, index.reservePosition)
        if result < 0 { throw MediaError(result, while: .writing) }
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// False for a file of another form.
    private mutating func read(_ size: Int64) throws(MediaError) -> Bool {
        var position: Int64 = 0
        var hasReserve = false
        while position + 8 <= size {
            let head = BoxReader(try bytes(at: position, count: 16))
            guard var length = head.uint32(0).map(Int64.init), let type = head.type(4) else { return false }
            if length == 1 { length = head.uint64(8).map { Int64(clamping: $0) } ?? 0 }
            guard length >= 8, length <= size - position else { return false }
            switch type {
            case "free" where length == Self.reserve.count && !hasReserve:
                hasReserve = true
                reservePosition = position
            case "moov":
                guard length <= Self.maximumHeader, movie.isEmpty else { return false }
                movie = try bytes(at: position, count: Int(length))
            case "moof":
                guard length <= Self.maximumHeader else { return false }
                guard take(BoxReader(try bytes(at: position, count: Int(length))), at: position) else { return false }
            default: break
            }
            position += length
        }
        return hasReserve && !movie.isEmpty && position == size
    }

    private func bytes(at position: Int64, count: Int) throws(MediaError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = unsafe apus_media_read_at(descriptor, &bytes, count, position)
        if got < 0 { throw MediaError(Int32(got), while: .writing) }
        bytes.removeLast(count - Int(got))
        return bytes
    }

    /// One `moof` box.
    private mutating func take(_ fragment: BoxReader, at position: Int64) -> Bool {
        for box in fragment.children(from: 8) where box.type == "traf" {
            var defaults = Defaults()
            for part in fragment.children(from: box.body, to: box.end) {
                switch part.type {
                case "tfhd":
                    guard defaults.readHeader(fragment, part.body) else { return false }
                case "tfdt":
                    let isLong = fragment.uint32(part.body).map { $0 >> 24 == 1 } ?? false
                    let time = isLong ? fragment.uint64(part.body + 4) : fragment.uint32(part.body + 4).map(UInt64.init)
                    guard let time else { return false }
                    defaults.time = time
                case "trun":
                    guard takeRun(fragment, part.body, &defaults, at: position) else { return false }
                default: break
                }
            }
        }
        return true
    }

    /// One `trun` box: a chunk of samples that stand behind each other.
    private mutating func takeRun(
        _ fragment: BoxReader, _ body: Int, _ defaults: inout Defaults, at position: Int64
    ) -> Bool {
        guard let flags = fragment.uint32(body), let count = fragment.uint32(body + 4), flags & 1 != 0,
            let offset = fragment.uint32(body + 8)
        else { return false }
        var field = body + 12
        var first: UInt32?
        if flags & 4 != 0 {
            first = fragment.uint32(field)
            field += 4
        }
        var track = tracks[defaults.track] ?? IndexedTrack()
        track.beginChunk(at: UInt64(position + Int64(Int32(bitPattern: offset))))
        for sample in 0..<count {
            var duration = defaults.duration
            var size = defaults.size
            var traits = sample == 0 ? first ?? defaults.flags : defaults.flags
            for (bit, kind) in [(0x100, 0), (0x200, 1), (0x400, 2), (0x800, 3)] where flags & UInt32(bit) != 0 {
                guard let value = fragment.uint32(field) else { return false }
                field += 4
                if kind == 0 { duration = value }
                if kind == 1 { size = value }
                if kind == 2 { traits = value }
            }
            // Section 8.8.3.1: sample_is_non_sync_sample.
            track.append(time: defaults.time, duration: duration, size: size, isKey: traits & 0x10000 == 0)
            defaults.time &+= UInt64(duration)
        }
        tracks[defaults.track] = track
        return true
    }

    /// `tfhd`, section 8.8.7.
    private struct Defaults {
        var track: UInt32 = 0
        var time: UInt64 = 0
        var duration: UInt32 = 0
        var size: UInt32 = 0
        var flags: UInt32 = 0

        mutating func readHeader(_ fragment: BoxReader, _ body: Int) -> Bool {
            guard let present = fragment.uint32(body), let track = fragment.uint32(body + 4) else { return false }
            self.track = track
            var field = body + 8
            if present & 1 != 0 { return false }
            for bit in [2, 8, 0x10, 0x20] as [UInt32] where present & bit != 0 {
                guard let value = fragment.uint32(field) else { return false }
                field += 4
                if bit == 8 { duration = value }
                if bit == 0x10 { size = value }
                if bit == 0x20 { flags = value }
            }
            return true
        }
    }
}

/// The samples of one track of a fragmented file, as the tables of `stbl` have them.
struct IndexedTrack {
    /// When the first sample is to be shown, in the track's ticks.
    private(set) var start: UInt64?
    private(set) var sizes: [UInt32] = []
    private(set) var durations: [(count: UInt32, ticks: UInt32)] = []
    private(set) var keys: [UInt32] = []
    private(set) var chunks: [(offset: UInt64, count: UInt32)] = []
    private(set) var length: UInt64 = 0
    private var last: (time: UInt64, duration: UInt32)?

    mutating func beginChunk(at offset: UInt64) { chunks.append((offset, 0)) }

    mutating func append(time: UInt64, duration: UInt32, size: UInt32, isKey: Bool) {
        if start == nil { start = time }
        // What counts is when the next one begins: a pause makes this one long.
        if let last { addDuration(UInt32(clamping: time > last.time ? time - last.time : 0)) }
        last = (time, duration)
        sizes.append(size)
        if isKey { keys.append(UInt32(sizes.count)) }
        chunks[chunks.count - 1].count += 1
    }

    private mutating func addDuration(_ ticks: UInt32) {
        length += UInt64(ticks)
        if let run = durations.last, run.ticks == ticks {
            durations[durations.count - 1].count += 1
        } else {
            durations.append((1, ticks))
        }
    }

    /// With the last sample's duration.
    var ended: IndexedTrack {
        var track = self
        if let last { track.addDuration(last.duration) }
        track.last = nil
        return track
    }
}
