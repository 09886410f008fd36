import CFFmpeg
import Wire

extension MediaReader {
    /// How long a file is that does not say it, as one whose writer was killed: reads all of it once, if that is soon
    /// done. Nil when it is not, or for what is no file.
    static func measure(
        _ location: MediaLocation, from start: Int64, options: Options, interruption: Interruption
    ) throws(MediaError) -> Interval? {
        guard location.scheme == .file else { return nil }
        interruption.arm(Limits.measuringTime)
        guard let input = try? InputContext(location, options: options, interruption: interruption),
            let source = unsafe input.format.pointee.pb, unsafe avio_size(source) <= Limits.measuredBytes
        else { return nil }
        var end = start
        while unsafe av_read_frame(input.format, input.packet) >= 0 {
            defer { unsafe av_packet_unref(input.packet) }
            let packet = unsafe input.packet.pointee
            guard let stream = unsafe input.format.pointee.streams[Int(packet.stream_index)] else { continue }
            let time = unsafe apus_media_nanoseconds(packet.pts, stream.pointee.time_base)
            let duration = unsafe apus_media_nanoseconds(packet.duration, stream.pointee.time_base)
            guard time != .min else { continue }
            end = max(end, (Interval(nanoseconds: time) + Interval(nanoseconds: max(duration, 0))).nanoseconds)
        }
        if interruption.isInterrupted { throw .interrupted }
        guard (try? interruption.check()) != nil, end > start else { return nil }
        return Interval(nanoseconds: end) - Interval(nanoseconds: start)
    }
}
