import CFFmpeg
import Wire

/// Where a reader gets bytes that come by themselves, once and in order.
public protocol MediaStream: AnyObject, Sendable {
    /// What is there, at most `count` bytes of it; does not wait.
    func take(atMost count: Int) -> MediaStreamPiece
}

/// See ``MediaStream/take(atMost:)``.
public enum MediaStreamPiece: Sendable {
    /// At least one.
    case bytes([UInt8])
    /// There is nothing yet.
    case nothing
    /// All was taken, and there will be no more.
    case end
    /// There will be no more, though there should be.
    case failed(MediaError)
}

/// FFmpeg's input from a ``MediaStream``. Nothing can be sought in it.
@safe final class StreamInput {
    let input: UnsafeMutablePointer<AVIOContext>
    /// What FFmpeg's callback is given: alive as long as this object.
    private let source: StreamSource

    init(_ stream: any MediaStream, interruption: Interruption) throws(MediaError) {
        source = StreamSource(stream, interruption)
        let buffer = unsafe av_malloc(Self.pieceBytes)
        let opaque = unsafe Unmanaged.passUnretained(source).toOpaque()
        let input = unsafe avio_alloc_context(
            buffer?.assumingMemoryBound(to: UInt8.self), Int32(Self.pieceBytes), 0, opaque,
            { opaque, bytes, count in
                guard let opaque = unsafe opaque, let bytes = unsafe bytes else { return apus_media_end() }
                return unsafe Unmanaged<StreamSource>.fromOpaque(opaque).takeUnretainedValue().read(into: bytes, count)
            }, nil, nil)
        guard let input = unsafe input else {
            unsafe av_free(buffer)
            throw .tooLarge
        }
        unsafe self.input = input
    }

    deinit { unsafe apus_media_output_free(input) }

    /// Why there is no more, where the stream said so.
    var failure: MediaError? { source.failure }

    private static let pieceBytes = 32 << 10
}

/// The stream behind a callback, on the reader's thread.
private final class StreamSource {
    private let stream: any MediaStream
    private let interruption: Interruption
    private(set) var failure: MediaError?

    init(_ stream: any MediaStream, _ interruption: Interruption) {
        self.stream = stream
        self.interruption = interruption
    }

    /// Waits until there is something, or the interruption says no.
    func read(into space: UnsafeMutablePointer<UInt8>, _ count: Int32) -> Int32 {
        while unsafe apus_media_interrupt_check(interruption.state) == 0 {
            switch stream.take(atMost: Int(count)) {
            case .bytes(let bytes):
                unsafe space.update(from: bytes, count: bytes.count)
                return Int32(bytes.count)
            case .nothing: apus_media_rest()
            case .end: return apus_media_end()
            case .failed(let error):
                failure = error
                return apus_media_stopped()
            }
        }
        return apus_media_stopped()
    }
}
