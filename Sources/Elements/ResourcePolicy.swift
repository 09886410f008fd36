import Glibc
import Media
import Session

/// Which files and servers media elements may use.
public struct ResourcePolicy: Sendable {
    /// Directories that files may lie in, at any depth. Empty: no files. A relative path is one below the first.
    public var roots: [String]
    /// Servers of this host and of private networks may be used (RFC 1918, RFC 4193 and their like).
    public var allowsPrivateAddresses: Bool

    public init(roots: [String] = [], allowsPrivateAddresses: Bool = false) {
        self.roots = roots
        self.allowsPrivateAddresses = allowsPrivateAddresses
    }

    /// Where a URI leads, in the form that `Media` opens, once it is known to be allowed.
    ///
    /// Waits for the name server, where the URI names a host.
    /// - Throws: `forbidden` for what is not allowed, `other` for what is no URI that an element knows.
    func location(_ uri: String) throws(ElementFailure) -> String {
        let absolute = try absolute(uri)
        let place: MediaLocation
        do throws(MediaError) {
            place = try MediaLocation(absolute)
        } catch {
            throw ElementFailure(error, uri, isWriting: false)
        }
        switch place.scheme {
        case .file: return MediaLocation.file(try file(place.path))
        case .http, .https, .rtsp:
            // Who connects looks the host up once more: a name that changes in between is its name server's doing.
            guard allowsPrivateAddresses || HostLookup.isPublic(place.host) else {
                throw ElementFailure(.forbidden, "\(place.host) is no public server (files.private_servers)")
            }
            return place.text
        }
    }

    /// Kurento also takes `file:/path`, and paths without scheme.
    private func absolute(_ uri: String) throws(ElementFailure) -> String {
        if uri.hasPrefix("file:/"), !uri.hasPrefix("file://") { return "file://" + uri.dropFirst("file:".count) }
        guard !uri.contains("://") else { return uri }
        guard !uri.contains(":") else {
            throw ElementFailure(
                .forbidden, "\(uri.prefix(80)) has no scheme to play or record: file, http, https, rtsp")
        }
        guard let first = roots.first else { throw Self.noFiles }
        return "file://" + (uri.hasPrefix("/") ? uri : first + "/" + uri)
    }

    private static let noFiles = ElementFailure(.forbidden, "files are not allowed (files.roots)")

    private func file(_ path: String) throws(ElementFailure) -> String {
        guard !roots.isEmpty else { throw Self.noFiles }
        let parts = path.split(separator: "/")
        guard !parts.isEmpty, !parts.contains("..") else {
            throw ElementFailure(.forbidden, "a path may not climb by ..")
        }
        // Links may lead anywhere: what counts is where the path really leads, as far as it is there.
        let real = Self.real(parts)
        guard roots.contains(where: { Self.lies(real, in: Self.real($0.split(separator: "/"))) }) else {
            throw ElementFailure(.forbidden, "\(path.prefix(200)) lies outside the directories for media (files.roots)")
        }
        return real
    }

    private static func lies(_ path: String, in directory: String) -> Bool {
        path.hasPrefix(directory == "/" ? directory : directory + "/")
    }

    /// The path without links, as far as it exists.
    private static func real(_ parts: [Substring]) -> String {
        for count in stride(from: parts.count, through: 1, by: -1) {
            let existing = "/" + parts.prefix(count).joined(separator: "/")
            guard let resolved = unsafe realpath(existing, nil) else { continue }
            defer { unsafe free(resolved) }
            let base = unsafe String(cString: resolved)
            return ([base == "/" ? "" : base] + parts.dropFirst(count).map(String.init)).joined(separator: "/")
        }
        return "/" + parts.joined(separator: "/")
    }
}
