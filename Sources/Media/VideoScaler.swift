import CFFmpeg
import Wire

/// Changes the size of pictures, and makes I420 of what is not. Keeps its tables while the sizes stay the same.
public struct VideoScaler: ~Copyable, @unchecked Sendable {
    /// Four bytes for each pixel, as images for overlays have them.
    public enum PixelFormat: Sendable {
        case bgra, rgba

        var library: AVPixelFormat { self == .bgra ? AV_PIX_FMT_BGRA : AV_PIX_FMT_RGBA }
    }

    private let context = ScalerContext()

    public init() {}

    /// The picture in another size, without regard for its shape. The picture itself when the size is its own.
    public mutating func scale(_ picture: VideoFrame, width: Int, height: Int) throws(MediaError) -> VideoFrame {
        if picture.width == width, picture.height == height { return picture }
        return try unsafe convert(picture.storage.frame, width: width, height: height, pts: picture.pts)
    }

    /// A picture of `bytes`, in another size; with its alpha, as ``VideoFrame/Plane/alpha``.
    ///
    /// - Parameter stride: bytes from row to row; at least four for each pixel.
    public mutating func scale(
        _ bytes: [UInt8], format: PixelFormat, width: Int, height: Int, stride: Int, toWidth: Int, toHeight: Int
    ) throws(MediaError) -> VideoFrame {
        guard (1...Limits.pictureSide).contains(width), (1...Limits.pictureSide).contains(height),
            stride >= 4 * width, stride <= bytes.count, bytes.count >= stride * (height - 1) + 4 * width
        else { throw .tooLarge }
        let target = try FrameStorage(width: toWidth, height: toHeight, format: AV_PIX_FMT_YUVA420P)
        let source = try FrameStorage(width: width, height: height, format: format.library)
        for row in 0..<height {
            guard let start = unsafe source.plane(0) else { throw .tooLarge }
            unsafe bytes.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe (start + row * source.stride(0)).update(from: base + row * stride, count: 4 * width)
            }
        }
        try unsafe context.scale(source.frame, into: target)
        return VideoFrame(target, pts: .zero)
    }

    mutating func convert(
        _ frame: UnsafeMutablePointer<AVFrame>, width: Int, height: Int, pts: Interval
    ) throws(MediaError) -> VideoFrame {
        let hasAlpha = unsafe frame.pointee.format == AV_PIX_FMT_YUVA420P.rawValue
        let target = try FrameStorage(
            width: width, height: height, format: hasAlpha ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUV420P)
        try unsafe context.scale(frame, into: target)
        return VideoFrame(target, pts: pts)
    }
}

/// Owns swscale's tables.
@safe final class ScalerContext {
    private var context: OpaquePointer?

    deinit { unsafe sws_freeContext(context) }

    func scale(_ source: UnsafeMutablePointer<AVFrame>, into target: FrameStorage) throws(MediaError) {
        unsafe context = sws_getCachedContext(
            context, source.pointee.width, source.pointee.height, AVPixelFormat(rawValue: source.pointee.format),
            target.frame.pointee.width, target.frame.pointee.height,
            AVPixelFormat(rawValue: target.frame.pointee.format), SWS_BILINEAR, nil, nil, nil)
        guard let context = unsafe context else { throw .other("a picture that cannot be converted") }
        if unsafe apus_media_scale(context, source, target.frame) < 0 { throw .other("a picture that does not scale") }
    }
}
