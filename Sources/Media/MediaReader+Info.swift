import CFFmpeg
import Wire

extension MediaReader {
    /// Sound and pictures, and which of FFmpeg's streams they are; FFmpeg is told to skip the rest.
    static func tracks(of format: UnsafeMutablePointer<AVFormatContext>) -> (tracks: [MediaTrack], streams: [Stream?]) {
        var tracks: [MediaTrack] = []
        var streams = [Stream?](repeating: nil, count: unsafe Int(format.pointee.nb_streams))
        for index in unsafe 0..<Int(format.pointee.nb_streams) {
            guard let stream = unsafe format.pointee.streams[index], let parameters = unsafe stream.pointee.codecpar
            else {
                continue
            }
            // A cover is no video.
            let isPicture = unsafe stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
            let type = unsafe parameters.pointee.codec_type
            guard type == AVMEDIA_TYPE_AUDIO || (type == AVMEDIA_TYPE_VIDEO && !isPicture),
                unsafe Int(parameters.pointee.extradata_size) <= Limits.extradataBytes
            else {
                unsafe stream.pointee.discard = AVDISCARD_ALL
                continue
            }
            streams[index] = unsafe Stream(track: tracks.count, base: stream.pointee.time_base, end: .zero)
            tracks.append(unsafe track(tracks.count, stream.pointee, parameters.pointee))
        }
        return (tracks, streams)
    }

    private static func track(_ index: Int, _ stream: AVStream, _ parameters: AVCodecParameters) -> MediaTrack {
        let isVideo = unsafe parameters.codec_type == AVMEDIA_TYPE_VIDEO
        let codec = unsafe MediaCodec(parameters.codec_id)
        var track = MediaTrack(index: index, kind: isVideo ? .video : .audio, codec: codec)
        if isVideo {
            track.width = unsafe Int(parameters.width)
            track.height = unsafe Int(parameters.height)
            let rate = unsafe stream.avg_frame_rate
            track.frameRate = rate.den > 0 && rate.num > 0 ? Double(rate.num) / Double(rate.den) : 0
        } else {
            track.sampleRate = unsafe Int(parameters.sample_rate)
            track.channels = unsafe Int(parameters.ch_layout.nb_channels)
        }
        if let data = unsafe parameters.extradata, unsafe parameters.extradata_size > 0 {
            track.extradata = unsafe [UInt8](UnsafeBufferPointer(start: data, count: Int(parameters.extradata_size)))
        }
        return track
    }

    static func duration(of format: UnsafeMutablePointer<AVFormatContext>) -> Interval? {
        let duration = unsafe format.pointee.duration
        return duration == apus_media_no_time() || duration < 0 ? nil : .microseconds(duration)
    }

    static func seekable(
        _ format: UnsafeMutablePointer<AVFormatContext>, _ duration: Interval?
    ) -> ClosedRange<Interval>? {
        // RTSP has no file; what has a length can be asked for any part of it.
        guard let output = unsafe format.pointee.pb else { return duration.map { .zero...$0 } }
        guard unsafe output.pointee.seekable & AVIO_SEEKABLE_NORMAL != 0 else { return nil }
        return .zero...(duration ?? Interval(nanoseconds: .max))
    }
}
