/// A `moov` box without samples, and with them (ISO/IEC 14496-12 section 8.2.1).
enum MovieBox {
    /// `movie` as it would be had the samples never been in fragments. Nil when it is not understood.
    static func rebuild(_ movie: [UInt8], tracks: [UInt32: IndexedTrack]) -> [UInt8]? {
        let reader = BoxReader(movie)
        guard let header = reader.children(from: 8).first(where: { $0.type == "mvhd" }),
            let scale = reader.uint32(header.body + 12), scale > 0
        else { return nil }
        var output = BoxWriter()
        var longest: UInt64 = 0
        var parts = BoxWriter()
        for box in reader.children(from: 8) {
            switch box.type {
            case "mvhd", "mvex": break
            case "trak":
                guard let track = trak(reader, box, scale, tracks, &longest) else { return nil }
                parts.append(track)
            default: parts.append(reader.slice(box))
            }
        }
        output.box("moov") { output in
            output.append(timed(reader, header, durationAt: 16, longest))
            output.append(parts.bytes)
        }
        return output.bytes
    }

    /// Empty for a track without samples, which would be a track that never plays.
    private static func trak(
        _ reader: BoxReader, _ box: BoxReader.Box, _ movieScale: UInt32, _ tracks: [UInt32: IndexedTrack],
        _ longest: inout UInt64
    ) -> [UInt8]? {
        let parts = reader.children(from: box.body, to: box.end)
        guard let header = parts.first(where: { $0.type == "tkhd" }), let identifier = reader.uint32(header.body + 12),
            let media = parts.first(where: { $0.type == "mdia" }),
            let timing = reader.children(from: media.body, to: media.end).first(where: { $0.type == "mdhd" }),
            let scale = reader.uint32(timing.body + 12), scale > 0
        else { return nil }
        guard let track = tracks[identifier], !track.sizes.isEmpty, let start = track.start else { return [] }
        func inMovie(_ ticks: UInt64) -> UInt64 {
            let (product, isTooLong) = ticks.multipliedReportingOverflow(by: UInt64(movieScale))
            return isTooLong ? .max : (product + UInt64(scale) / 2) / UInt64(scale)
        }
        let delay = inMovie(start)
        let length = inMovie(track.length)
        longest = max(longest, delay &+ length)
        var output = BoxWriter()
        output.box("trak") { output in
            output.append(timed(reader, header, durationAt: 20, delay &+ length))
            if delay > 0 { edits(&output, delay: delay, length: length) }
            for part in parts where !["tkhd", "edts", "mdia"].contains(part.type) { output.append(reader.slice(part)) }
            output.box("mdia") { output in
                output.append(timed(reader, timing, durationAt: 16, track.length))
                for part in reader.children(from: media.body, to: media.end) where part.type != "mdhd" {
                    guard part.type == "minf" else {
                        output.append(reader.slice(part))
                        continue
                    }
                    output.box("minf") { output in
                        for inner in reader.children(from: part.body, to: part.end) {
                            if inner.type == "stbl" {
                                table(reader, inner, track, &output)
                            } else {
                                output.append(reader.slice(inner))
                            }
                        }
                    }
                }
            }
        }
        return output.bytes
    }

    /// A track that begins late: first nothing, then all of it (section 8.6.6).
    private static func edits(_ output: inout BoxWriter, delay: UInt64, length: UInt64) {
        output.box("edts") { output in
            output.box("elst") { output in
                output.append(UInt32(1) << 24)
                output.append(UInt32(2))
                output.append(delay)
                output.append(UInt64.max)
                output.append(UInt32(1) << 16)
                output.append(length)
                output.append(UInt64(0))
                output.append(UInt32(1) << 16)
            }
        }
    }

    /// `stbl`, sections 8.5 to 8.7.
    private static func table(
        _ reader: BoxReader, _ box: BoxReader.Box, _ track: IndexedTrack, _ output: inout BoxWriter
    ) {
        output.box("stbl") { output in
            for part in reader.children(from: box.body, to: box.end) where part.type == "stsd" {
                output.append(reader.slice(part))
            }
            output.list("stts", count: track.durations.count) { output in
                for run in track.durations {
                    output.append(run.count)
                    output.append(run.ticks)
                }
            }
            if track.keys.count < track.sizes.count {
                output.list("stss", count: track.keys.count) { output in track.keys.forEach { output.append($0) } }
            }
            let chunks = track.chunks.filter { $0.count > 0 }
            let changes = chunks.indices.filter { $0 == 0 || chunks[$0].count != chunks[$0 - 1].count }
            output.list("stsc", count: changes.count) { output in
                for index in changes {
                    output.append(UInt32(index + 1))
                    output.append(chunks[index].count)
                    output.append(UInt32(1))
                }
            }
            output.box("stsz") { output in
                output.append(UInt64(0))
                output.append(UInt32(track.sizes.count))
                track.sizes.forEach { output.append($0) }
            }
            output.list("co64", count: chunks.count) { output in chunks.forEach { output.append($0.offset) } }
        }
    }

    /// `mvhd`, `tkhd` or `mdhd` with another duration, in 64 bits (version 1 of the box). `durationAt` is where version
    /// 0 has it.
    private static func timed(
        _ reader: BoxReader, _ box: BoxReader.Box, durationAt: Int, _ duration: UInt64
    ) -> [UInt8] {
        let body = reader.slice(box).dropFirst(8)
        let fields = Array(body)
        guard fields.count >= durationAt + 4, fields[0] == 0 else { return reader.slice(box) }
        var output = BoxWriter()
        output.box(box.type) { output in
            output.append([1] + fields[1..<4])
            output.append([0, 0, 0, 0] + fields[4..<8])
            output.append([0, 0, 0, 0] + fields[8..<12])
            output.append(Array(fields[12..<durationAt]))
            output.append(duration)
            output.append(Array(fields[(durationAt + 4)...]))
        }
        return output.bytes
    }
}
