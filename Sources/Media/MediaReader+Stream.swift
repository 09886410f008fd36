import CFFmpeg
import Wire

extension MediaReader {
    /// Reads what comes by itself, while it comes. It cannot be sought in.
    ///
    /// An MP4 file whose index stands at its end, as cameras write it, cannot be played before that has come: it is
    /// kept in a file without a name, up to ``Limits/spooledBytes``, and can be sought in then.
    public init(
        _ stream: any MediaStream, options: Options = Options(), interruption: Interruption = Interruption()
    ) throws(MediaError) {
        interruption.arm(options.openTimeout)
        let head = try PrefixedStream(stream, interruption)
        guard head.isIndexedAtItsEnd else {
            try self.init(try InputContext(head, options: options, interruption: interruption), options)
            return
        }
        let spool = try Spool(head, options: options, interruption: interruption)
        defer { withExtendedLifetime(spool) {} }
        try self.init(spool.location, options: options, interruption: interruption)
    }
}

/// A stream whose first bytes were looked at.
private final class PrefixedStream: MediaStream, @unchecked Sendable {
    private let rest: any MediaStream
    /// Used by one thread: that of the reader.
    private var prefix: [UInt8]

    /// Waits for as much as tells what it is.
    init(_ stream: any MediaStream, _ interruption: Interruption) throws(MediaError) {
        rest = stream
        prefix = []
        looking: while prefix.count < Self.lookBytes {
            try interruption.check()
            switch stream.take(atMost: Self.lookBytes - prefix.count) {
            case .bytes(let bytes): prefix += bytes
            case .nothing: apus_media_rest()
            case .end: break looking
            case .failed(let error): throw error
            }
        }
    }

    private static let lookBytes = 4096

    func take(atMost count: Int) -> MediaStreamPiece {
        guard !prefix.isEmpty else { return rest.take(atMost: count) }
        let piece = Array(prefix.prefix(count))
        prefix.removeFirst(piece.count)
        return .bytes(piece)
    }

    /// ISO/IEC 14496-12 section 6.2.3: the media data stands before the index.
    var isIndexedAtItsEnd: Bool {
        let boxes = BoxReader(prefix)
        guard boxes.type(4) == "ftyp" else { return false }
        var position = 0
        while let size = boxes.uint32(position).map(Int.init), let type = boxes.type(position + 4) {
            if type == "moov" || type == "moof" { return false }
            if type == "mdat" { return true }
            guard size >= 8 else { return false }
            position += size
        }
        return false
    }
}

/// A stream in a file without a name.
private final class Spool {
    private let descriptor: Int32

    /// Waits for the stream's end.
    init(_ stream: any MediaStream, options: MediaReader.Options, interruption: Interruption) throws(MediaError) {
        descriptor = apus_media_temporary_file()
        if descriptor < 0 { throw MediaError(descriptor, while: .writing) }
        let limit = apus_media_now() + Limits.spoolingTime.nanoseconds
        var position: Int64 = 0
        interruption.arm(options.readTimeout)
        while true {
            try interruption.check()
            switch stream.take(atMost: 256 << 10) {
            case .bytes(let bytes):
                let result = unsafe apus_media_write_at(descriptor, bytes, bytes.count, position)
                if result < 0 { throw MediaError(result, while: .writing) }
                position += Int64(bytes.count)
                guard position <= Limits.spooledBytes else { throw .tooLarge }
                guard apus_media_now() < limit else { throw .timedOut }
                interruption.arm(options.readTimeout)
            case .nothing: apus_media_rest()
            case .end: return
            case .failed(let error): throw error
            }
        }
    }

    deinit { apus_media_close(descriptor) }

    /// As long as this object lives.
    var location: String { "file:///proc/self/fd/\(descriptor)" }
}
