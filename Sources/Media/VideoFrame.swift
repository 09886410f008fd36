import CFFmpeg
public import Wire

/// One decoded picture: I420 (8 bits, 4:2:0, limited range), and alpha where it is an overlay.
///
/// A value: copies share the pixels until one is written to.
public struct VideoFrame: Sendable {
    /// One of the picture's planes. `u` and `v` have half its width and height, rounded up.
    public enum Plane: Int, CaseIterable, Sendable { case y, u, v, alpha }

    /// When it is to be shown.
    public var pts: Interval
    private(set) var storage: FrameStorage

    /// A black picture.
    ///
    /// - Throws: ``MediaError/tooLarge`` for a size outside of ``Limits``.
    public init(width: Int, height: Int, pts: Interval = .zero, hasAlpha: Bool = false) throws(MediaError) {
        storage = try FrameStorage(
            width: width, height: height, format: hasAlpha ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUV420P)
        self.pts = pts
        for plane in Plane.allCases where plane != .alpha || hasAlpha {
            fill(plane, with: plane == .y ? 16 : plane == .alpha ? 0 : 128)
        }
    }

    /// A picture of FFmpeg's, in one of the two formats.
    init(_ storage: FrameStorage, pts: Interval) {
        self.storage = storage
        self.pts = pts
    }

    public var width: Int { unsafe Int(storage.frame.pointee.width) }
    public var height: Int { unsafe Int(storage.frame.pointee.height) }
    public var hasAlpha: Bool { unsafe storage.frame.pointee.format == AV_PIX_FMT_YUVA420P.rawValue }

    /// Bytes from one row of a plane to the next.
    public func stride(of plane: Plane) -> Int { storage.stride(plane.rawValue) }

    /// Bytes of a row that are pixels.
    public func columns(of plane: Plane) -> Int { plane == .u || plane == .v ? (width + 1) / 2 : width }

    public func rows(of plane: Plane) -> Int { plane == .u || plane == .v ? (height + 1) / 2 : height }

    private func byteCount(of plane: Plane) -> Int {
        plane == .alpha && !hasAlpha ? 0 : stride(of: plane) * (rows(of: plane) - 1) + columns(of: plane)
    }

    /// The bytes of a plane, all rows with what is between them; none for an alpha that is not there.
    public func withBytes<Result>(of plane: Plane, _ body: (RawSpan) -> Result) -> Result {
        let count = byteCount(of: plane)
        let buffer = unsafe UnsafeRawBufferPointer(start: count > 0 ? storage.plane(plane.rawValue) : nil, count: count)
        return unsafe body(buffer.bytes)
    }

    /// The same, to be changed. Takes the pixels for itself before.
    public mutating func withMutableBytes<Result>(
        of plane: Plane, _ body: (inout MutableRawSpan) -> Result
    ) throws(MediaError) -> Result {
        try detach()
        return change(plane, body)
    }

    /// Takes the pixels for itself. The rows of a copy may be longer or shorter: see ``stride(of:)`` afterwards.
    mutating func detach() throws(MediaError) {
        if !isKnownUniquelyReferenced(&storage) || !storage.isWritable { storage = try storage.copy() }
    }

    private func change<Result>(_ plane: Plane, _ body: (inout MutableRawSpan) -> Result) -> Result {
        let count = byteCount(of: plane)
        let start = unsafe count > 0 ? storage.plane(plane.rawValue) : nil
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: start, count: count)
        var span = unsafe buffer.mutableBytes
        return body(&span)
    }

    private func fill(_ plane: Plane, with value: UInt8) {
        change(plane) { bytes in
            for index in 0..<bytes.byteCount { bytes.storeBytes(of: value, toByteOffset: index, as: UInt8.self) }
        }
    }

    /// One pixel of a plane. For tests and small pictures: it looks everything up each time.
    public func sample(_ plane: Plane, x: Int, y: Int) -> UInt8 {
        let offset = y * stride(of: plane) + x
        return withBytes(of: plane) { $0.byte(at: offset) }
    }
}

extension RawSpan {
    /// The byte at an offset, which must be inside.
    fileprivate func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}

/// Owns a frame of FFmpeg. Not changed once it is shared.
@safe final class FrameStorage: @unchecked Sendable {
    let frame: UnsafeMutablePointer<AVFrame>

    /// Takes the frame over.
    init(adopting frame: UnsafeMutablePointer<AVFrame>) { unsafe self.frame = frame }

    init(width: Int, height: Int, format: AVPixelFormat) throws(MediaError) {
        _ = Library.isReady
        guard width > 0, height > 0, width <= Limits.pictureSide, height <= Limits.pictureSide,
            width * height <= Limits.picturePixels, let frame = unsafe av_frame_alloc()
        else { throw .tooLarge }
        unsafe self.frame = frame
        unsafe frame.pointee.width = Int32(width)
        unsafe frame.pointee.height = Int32(height)
        unsafe frame.pointee.format = format.rawValue
        if unsafe av_frame_get_buffer(frame, 0) < 0 { throw .tooLarge }
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = unsafe frame
        unsafe av_frame_free(&frame)
    }

    var isWritable: Bool { unsafe av_frame_is_writable(frame) != 0 }

    func copy() throws(MediaError) -> FrameStorage {
        let copy = try FrameStorage(
            width: unsafe Int(frame.pointee.width), height: unsafe Int(frame.pointee.height),
            format: unsafe AVPixelFormat(rawValue: frame.pointee.format))
        if unsafe av_frame_copy(copy.frame, frame) < 0 { throw .tooLarge }
        return copy
    }

    func plane(_ index: Int) -> UnsafeMutablePointer<UInt8>? { unsafe apus_media_plane(frame, Int32(index)) }

    func stride(_ index: Int) -> Int { unsafe Int(apus_media_stride(frame, Int32(index))) }
}
