import Kurento

/// Frames of a Kurento client, one a line, against an engine whose media plane grants everything.
public enum KurentoFuzz {
    public static func run(_ input: RawSpan) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(input.byteCount)
        for offset in 0..<input.byteCount {
            bytes.append(unsafe input.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
        FrameReplay.run(bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) })
    }
}
