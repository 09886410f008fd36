/// What a filter does with the video that is routed to it. Filters that change pictures send what they made; those that
/// only look send no video, and what they look at goes by them untouched.
public enum FilterSpecification: Hashable, Sendable, Codable {
    /// Lays images over pictures: see ``ElementCommand/addImage(_:)``.
    case imageOverlay
    /// Looks for bar codes and QR codes and tells of them.
    case codes
    /// The same, and sends each as a message to data channels.
    case codesToData
    /// Writes messages of data channels on pictures.
    case textFromData
    /// What an element of GStreamer of that name does.
    case gstreamer(GStreamerElement)

    /// Whether the filter sends pictures of its own.
    public var changesVideo: Bool {
        switch self {
        case .imageOverlay, .textFromData, .gstreamer: true
        case .codes, .codesToData: false
        }
    }
}

/// An image over a picture. Place and size are parts of the picture's: 0.5 is half of its width or height.
public struct ImageOverlay: Hashable, Sendable, Codable {
    /// Names it among the filter's images.
    public var id: String
    /// `file:`, `http:` or `https:`; PNG, JPEG and other formats of pictures.
    public var uri: String
    public var x: Double
    public var y: Double
    public var width: Double
    public var height: Double
    /// Makes it as large as it fits into its place in its own shape, instead of as large as its place.
    public var keepsAspectRatio: Bool
    /// In the middle of its place, where it does not fill that.
    public var isCentered: Bool

    public init(
        id: String, uri: String, x: Double, y: Double, width: Double, height: Double, keepsAspectRatio: Bool = false,
        isCentered: Bool = false
    ) {
        self.id = id
        self.uri = uri
        self.x = x
        self.y = y
        self.width = width
        self.height = height
        self.keepsAspectRatio = keepsAspectRatio
        self.isCentered = isCentered
    }
}

/// A code that was seen in a picture.
public struct DetectedCode: Hashable, Sendable, Codable {
    /// In ZBar's words: `QR-Code`, `EAN-13`.
    public var type: String
    public var value: String

    public init(type: String, value: String) {
        self.type = type
        self.value = value
    }
}
