import Media
import Wire

/// The URI of what a player plays or a recorder writes.
public enum LocationFuzz {
    static let seeds = [
        "file:///srv/media/a%20b.webm", "file://localhost/a?b#c", "http://user:p%40ss@host.example:8080/a?b=c#d",
        "https://[2001:db8::1]:443", "rtsp://10.0.0.1/stream", "file:///%e2%82%ac/%00",
    ].map { Array($0.utf8) }

    public static func run(_ input: RawSpan) {
        guard let location = try? MediaLocation(String(decoding: input.copied(), as: UTF8.self)) else { return }
        precondition(!location.text.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "no line ends in it")
        guard location.scheme == .file else {
            precondition(!location.host.isEmpty && location.host.utf8.count <= 253, "a server has a name")
            return
        }
        precondition(location.path.hasPrefix("/") && !location.path.utf8.contains(0), "a file has an absolute path")
        let written: MediaLocation
        do throws(MediaError) {
            written = try MediaLocation(MediaLocation.file(location.path))
        } catch {
            // Escapes make it longer.
            return precondition(error == .tooLarge, "own form refused")
        }
        precondition(written.path == location.path, "own form leads elsewhere")
    }
}
