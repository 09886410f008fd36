import CFFmpeg
import Wire

/// An encoder or decoder of FFmpeg, with a packet and a frame to use with it.
@safe final class CodecContext {
    let context: UnsafeMutablePointer<AVCodecContext>
    let packet: UnsafeMutablePointer<AVPacket>
    let frame: UnsafeMutablePointer<AVFrame>

    init(_ codec: UnsafePointer<AVCodec>) throws(MediaError) {
        _ = Library.isReady
        var context = unsafe avcodec_alloc_context3(codec)
        var packet = unsafe av_packet_alloc()
        var frame = unsafe av_frame_alloc()
        if let context = unsafe context, let packet = unsafe packet, let frame = unsafe frame {
            unsafe self.context = context
            unsafe self.packet = packet
            unsafe self.frame = frame
            unsafe context.pointee.thread_count = 1
            unsafe context.pointee.max_pixels = Int64(Limits.picturePixels)
            return
        }
        unsafe avcodec_free_context(&context)
        unsafe av_packet_free(&packet)
        unsafe av_frame_free(&frame)
        throw .tooLarge
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = unsafe context
        var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
        var frame: UnsafeMutablePointer<AVFrame>? = unsafe frame
        unsafe avcodec_free_context(&context)
        unsafe av_packet_free(&packet)
        unsafe av_frame_free(&frame)
    }

    var extradata: [UInt8] {
        get {
            guard let data = unsafe context.pointee.extradata, unsafe context.pointee.extradata_size > 0 else {
                return []
            }
            return unsafe [UInt8](UnsafeBufferPointer(start: data, count: Int(context.pointee.extradata_size)))
        }
        set {
            guard !newValue.isEmpty, newValue.count <= Limits.extradataBytes else { return }
            unsafe context.pointee.extradata = apus_media_padded(newValue, newValue.count)
            unsafe context.pointee.extradata_size = Int32(newValue.count)
        }
    }

    func open(_ settings: consuming LibraryOptions = LibraryOptions()) throws(MediaError) {
        let result = unsafe settings.pass { unsafe avcodec_open2(context, nil, $0) }
        if result < 0 { throw MediaError(result, while: .coding) }
    }

    /// Gives a packet to a decoder, or the end of them.
    func send(_ bytes: [UInt8]?, time: Int64) throws(MediaError) {
        unsafe av_packet_unref(packet)
        if let bytes {
            guard bytes.count <= Limits.packetBytes, unsafe av_new_packet(packet, Int32(bytes.count)) >= 0 else {
                throw .tooLarge
            }
            unsafe packet.pointee.data.update(from: bytes, count: bytes.count)
            unsafe packet.pointee.pts = time
        }
        let result = unsafe avcodec_send_packet(context, bytes == nil ? nil : packet)
        unsafe av_packet_unref(packet)
        if result < 0 { throw MediaError(result, while: .coding) }
    }

    /// The next frame of a decoder is in ``frame``; false when there is none yet.
    func receiveFrame() throws(MediaError) -> Bool {
        let result = unsafe avcodec_receive_frame(context, frame)
        if result >= 0 { return true }
        let outcome = UInt32(apus_media_outcome_of(result))
        if outcome == APUS_MEDIA_AGAIN.rawValue || outcome == APUS_MEDIA_END.rawValue { return false }
        throw MediaError(result, while: .coding)
    }

    /// Gives a frame to an encoder, or the end of them.
    func send(_ frame: UnsafeMutablePointer<AVFrame>?) throws(MediaError) {
        let result = unsafe avcodec_send_frame(context, frame)
        if result < 0 { throw MediaError(result, while: .coding) }
    }

    /// The next packet of an encoder: bytes, time in its ticks, duration, whether it is a key frame.
    func receivePacket() throws(MediaError) -> (bytes: [UInt8], time: Int64, duration: Int64, isKeyFrame: Bool)? {
        let result = unsafe avcodec_receive_packet(context, packet)
        defer { unsafe av_packet_unref(packet) }
        if result < 0 {
            let outcome = UInt32(apus_media_outcome_of(result))
            if outcome == APUS_MEDIA_AGAIN.rawValue || outcome == APUS_MEDIA_END.rawValue { return nil }
            throw MediaError(result, while: .coding)
        }
        let bytes = unsafe [UInt8](UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size)))
        return unsafe (
            bytes, packet.pointee.pts, packet.pointee.duration, packet.pointee.flags & AV_PKT_FLAG_KEY != 0
        )
    }
}
