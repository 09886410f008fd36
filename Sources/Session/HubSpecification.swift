/// See ``ElementSpecification/composite(_:)``.
public struct CompositeSpecification: Hashable, Sendable, Codable {
    /// Of the picture, in pixels.
    public var width: Int
    public var height: Int
    /// Pictures a second.
    public var frameRate: Int

    public init(width: Int = 800, height: Int = 600, frameRate: Int = 15) {
        self.width = width
        self.height = height
        self.frameRate = frameRate
    }

    /// Whether a picture of that size is not too large.
    public static func fits(width: Int, height: Int) -> Bool {
        max(width, height) <= Limits.hubSide.upperBound && width * height <= Limits.hubPixels
    }

    /// Why no worker makes such a picture; nil when they do.
    public var complaint: String? {
        for (name, side) in [("width", width), ("height", height)] where !Limits.hubSide.contains(side) {
            return "'\(name)' is from \(Limits.hubSide.lowerBound) to \(Limits.hubSide.upperBound), not \(side)"
        }
        guard Self.fits(width: width, height: height) else { return "a picture has \(Limits.hubPixels) pixels at most" }
        guard Limits.hubFrameRate.contains(frameRate) else {
            let (lowest, highest) = (Limits.hubFrameRate.lowerBound, Limits.hubFrameRate.upperBound)
            return "'framerate' is from \(lowest) to \(highest), not \(frameRate)"
        }
        return nil
    }
}

/// See ``ElementSpecification/hubPort(_:)``.
public struct HubPortSpecification: Hashable, Sendable, Codable {
    /// Ports with the same one are of one hub, whether or not there is an element of that name.
    public var hub: EndpointID
    /// Its place among the hub's ports: pictures come in this order.
    public var order: Int
    /// It takes pictures, for its hub to show.
    public var takesVideo: Bool
    /// It sends the sound of all other ports; else of those that ``ElementCommand/hear(_:)`` names.
    public var hearsAll: Bool

    public init(hub: EndpointID, order: Int, takesVideo: Bool = true, hearsAll: Bool = true) {
        self.hub = hub
        self.order = order
        self.takesVideo = takesVideo
        self.hearsAll = hearsAll
    }
}

/// What of an ``ElementSpecification/alphaBlending`` is where.
public struct BlendingArrangement: Hashable, Sendable, Codable {
    /// One port's picture. Position and size are parts of the whole picture's width and height.
    public struct Place: Hashable, Sendable, Codable {
        public var port: EndpointID
        public var x: Double
        public var y: Double
        public var width: Double
        public var height: Double
        /// The higher, the nearer.
        public var depth: Int

        public init(port: EndpointID, x: Double, y: Double, width: Double, height: Double, depth: Int) {
            self.port = port
            self.x = x
            self.y = y
            self.width = width
            self.height = height
            self.depth = depth
        }
    }

    /// The port whose picture fills the whole, and gives it its size; nothing is sent before there is one.
    public var master: EndpointID?
    public var masterDepth: Int
    /// Ports that are not named here are not shown.
    public var places: [Place]

    public init(master: EndpointID? = nil, masterDepth: Int = 0, places: [Place] = []) {
        self.master = master
        self.masterDepth = masterDepth
        self.places = places
    }
}
