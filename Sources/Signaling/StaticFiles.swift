import Foundation
import NIOCore

/// What browsers let a page do (Content Security Policy Level 3).
enum ContentPolicy: String {
    /// Of Apus's pages, and of whatever is no page: nothing but scripts and styles in files of their own.
    case own = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; frame-ancestors 'self'"
    /// Of pages that an operator brings along: they are trusted to know what they load.
    case foreign = "frame-ancestors 'self'"
}

/// The files of the pages, read once at start. A request only ever names an entry of this table, so no
/// path, however it is written, reaches the file system.
struct StaticFiles: Sendable {
    struct File: Sendable {
        var bytes: ByteBuffer
        var contentType: String
        var policy: ContentPolicy
        /// An entity tag with its quotes (RFC 9110 section 8.8.3).
        var tag: String
    }

    private var files: [String: File] = [:]
    private var bytes = 0

    init() {}

    init(directory: String) throws { try add(directory: directory, policy: .own) }

    /// Files with the names of others take their places.
    mutating func add(directory: String, policy: ContentPolicy) throws {
        let manager = FileManager.default
        let name = policy == .own ? directory : "signaling.pages: \(directory)"
        let root = URL(fileURLWithPath: directory, isDirectory: true).resolvingSymlinksInPath().path
        guard let names = manager.enumerator(atPath: root) else {
            throw SignalingError.webDirectory("\(name) is no directory")
        }
        var isEmpty = true
        for case let file as String in names {
            let path = root + "/" + file
            // Links are left out: they could lead out of the directory. So are hidden files.
            guard try manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeRegular,
                !file.split(separator: "/").contains(where: { $0.hasPrefix(".") })
            else { continue }
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes += data.count
            guard files.count < SignalingLimits.staticFiles, bytes <= SignalingLimits.staticBytes else {
                throw SignalingError.webDirectory(
                    "\(name) holds more than \(SignalingLimits.staticFiles) files or "
                        + "\(SignalingLimits.staticBytes >> 20) MiB, which are kept in memory")
            }
            files[file] = File(
                bytes: ByteBuffer(bytes: data), contentType: Self.contentType(file), policy: policy,
                tag: Self.tag(data))
            isEmpty = false
        }
        guard !isEmpty else { throw SignalingError.webDirectory("\(name) is empty or missing") }
    }

    /// The file for a request's path: a folder's, which ends with a slash, is its `index.html`.
    func file(at path: String) -> File? {
        guard path.hasPrefix("/"), let name = String(path.dropFirst()).removingPercentEncoding else { return nil }
        return files[name.isEmpty || name.hasSuffix("/") ? name + "index.html" : name]
    }

    private static func contentType(_ name: String) -> String {
        switch name.split(separator: ".").last.map({ $0.lowercased() }) {
        case "html": "text/html; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "json", "map": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        case "ico": "image/x-icon"
        case "txt", "md": "text/plain; charset=utf-8"
        case "webmanifest": "application/manifest+json"
        case "woff2": "font/woff2"
        default: "application/octet-stream"
        }
    }

    /// FNV-1a, 64 bits: it only has to change when the file does.
    private static func tag(_ data: Data) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\"\(String(hash, radix: 16))\""
    }
}
