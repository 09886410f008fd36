/// Why the gallery does not do what a page asked for, in words for whoever looks at the page.
struct GalleryError: Error, Hashable {
    var message: String

    init(_ message: String) { self.message = message }

    static func missing(_ member: String, of message: String) -> GalleryError {
        GalleryError("`\(message)` needs `\(member)`")
    }

    static func unknown(_ message: Message) -> GalleryError {
        GalleryError("This page's application knows no `\(message.id.prefix(Limits.nameBytes))`")
    }
}
