import Synchronization

/// Where recordings go. There are places for so many; who leaves gives their place back, and the one that was free
/// longest is used next, so that what was recorded can be had for a while.
final class Shelf: Sendable {
    /// Holds for one recording as long as it lives.
    final class Place: Sendable {
        let uri: String
        private let number: Int
        private let shelf: Shelf

        fileprivate init(_ number: Int, uri: String, on shelf: Shelf) {
            self.number = number
            self.uri = uri
            self.shelf = shelf
        }

        deinit { shelf.free.withLock { $0.append(number) } }
    }

    private let folder: String?
    private let prefix: String
    private let namesAreNew: Bool
    private let free = Mutex(Array(1...Limits.recordings))

    /// - Parameters:
    ///   - folder: an address that ends with a slash; nil where nothing can be recorded.
    ///   - prefix: begins each name, so that controllers with the same folder do not meet.
    ///   - namesAreNew: no name comes twice; otherwise a new recording takes an old one's place.
    init(folder: String?, prefix: String, namesAreNew: Bool = false) {
        self.folder = folder
        self.prefix = prefix
        self.namesAreNew = namesAreNew
    }

    func take() throws(GalleryError) -> Place {
        guard let folder else {
            throw GalleryError("Nothing can be recorded here: no directory is allowed (files.roots)")
        }
        guard let number = free.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
            throw GalleryError("All \(Limits.recordings) places for recordings are taken; try again later")
        }
        let name = namesAreNew ? String(UInt64.random(in: 0...(.max)), radix: 36) : String(number)
        return Place(number, uri: "\(folder)\(prefix)-\(name).webm", on: self)
    }
}
