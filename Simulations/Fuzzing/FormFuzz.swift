import Uploads
import Wire

/// The body of a form with a file, in one piece and in many.
public enum FormFuzz {
    private static let type = "multipart/form-data; boundary=b"

    static let seeds = [
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\ncontent\r\n--bc\r\n\r\n--b--\r\n",
        "--b\r\n\r\n\r\n--b \t\r\ncontent-disposition: x; filename*=utf-8''a\r\nX: y\r\n\r\n\r\n--\r\n--b\r\n",
    ].map { Array($0.utf8) }

    public static func run(_ input: RawSpan) {
        let bytes = input.copied()
        _ = FormReader(contentType: String(decoding: bytes, as: UTF8.self))
        let whole = read(bytes, size: max(bytes.count, 1))
        for size in [1, 3] { precondition(read(bytes, size: size) == whole, "pieces change nothing") }
    }

    /// The file, and whether it ended; nothing of a form with too long a header.
    private static func read(_ bytes: [UInt8], size: Int) -> [UInt8] {
        guard var reader = FormReader(contentType: type) else { return [] }
        var file: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            guard let part = try? reader.read(Array(bytes[start..<min(start + size, bytes.count)])) else { return [] }
            file += part
        }
        return file + [reader.isComplete ? 1 : 0]
    }
}
