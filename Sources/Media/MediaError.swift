import CFFmpeg

/// Why a file, a server or a codec does not do what it should. Named by what Kurento's events tell apart.
public enum MediaError: Error, Equatable, Sendable {
    /// There is no such file or resource.
    case notFound
    /// It may not be read: rights of the file system, HTTP 401 or 403, or a location that this module does not open.
    case forbidden
    /// It is not media, or of a format that is not read here.
    case notMedia
    /// The host cannot be reached, hung up, or answers with HTTP 5xx.
    case unreachable
    /// A deadline passed.
    case timedOut
    /// Somebody called ``Interruption/interrupt()``.
    case interrupted
    /// The transport ended before the content did, or a packet is damaged.
    case truncated
    /// More than ``Limits`` let in.
    case tooLarge
    /// The disk is full, or the quota.
    case noSpace
    /// The file cannot be made or written to.
    case unwritable
    /// The codec is not known, or the container does not take it.
    case unsupportedCodec
    /// The container does not take the codec, and nothing is to be encoded anew.
    case notEncoded
    /// Anything else, in words for a log.
    case other(String)

    /// What is being done when a call fails: the same code means different things then.
    enum Phase { case opening, reading, writing, coding }

    /// A negative result of one of FFmpeg's functions. `interruption` tells a deadline from a wish.
    init(_ result: Int32, while phase: Phase, _ interruption: Interruption? = nil) {
        switch UInt32(apus_media_outcome_of(result)) {
        case APUS_MEDIA_END.rawValue: self = .truncated
        case APUS_MEDIA_NOT_FOUND.rawValue: self = phase == .writing ? .unwritable : .notFound
        case APUS_MEDIA_FORBIDDEN.rawValue: self = phase == .writing ? .unwritable : .forbidden
        case APUS_MEDIA_INVALID.rawValue:
            self = phase == .opening ? .notMedia : phase == .writing ? .other(Self.text(result)) : .truncated
        case APUS_MEDIA_UNKNOWN_CODEC.rawValue: self = .unsupportedCodec
        case APUS_MEDIA_UNREACHABLE.rawValue: self = .unreachable
        case APUS_MEDIA_TIMED_OUT.rawValue: self = .timedOut
        case APUS_MEDIA_STOPPED.rawValue: self = interruption?.isInterrupted == true ? .interrupted : .timedOut
        case APUS_MEDIA_NO_SPACE.rawValue: self = .noSpace
        case APUS_MEDIA_NO_MEMORY.rawValue: self = .tooLarge
        case APUS_MEDIA_IO.rawValue: self = phase == .writing ? .unwritable : .truncated
        default: self = .other(Self.text(result))
        }
    }

    private static func text(_ result: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        unsafe text.withUnsafeMutableBufferPointer { buffer in
            unsafe apus_media_describe(result, buffer.baseAddress, buffer.count)
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
