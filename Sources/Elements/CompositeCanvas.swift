import Media
import Session
import Wire

/// A hub's picture: the ports' pictures in their cells, and the encoder that all viewers share.
final class CompositeCanvas {
    /// A port's picture in the size of its cell.
    private final class Scaled {
        private var scaler = VideoScaler()
        private var number: UInt64?
        private(set) var picture: VideoFrame?

        /// False when it is as it was.
        func update(_ shown: HubPicture, _ cell: CompositeLayout.Cell) throws(MediaError) -> Bool {
            if number == shown.number, picture?.width == cell.width, picture?.height == cell.height { return false }
            picture = try scaler.scale(shown.picture, width: cell.width, height: cell.height)
            number = shown.number
            return true
        }
    }

    private let frameRate: Int
    private var layout: CompositeLayout?
    private var canvas: VideoFrame?
    private var scaled: [EndpointID: Scaled] = [:]
    private var encoder: VideoEncoder

    init(frameRate: Int) throws(MediaError) {
        self.frameRate = frameRate
        var configuration = VideoEncoder.Configuration(codec: .vp8, bitRate: Self.bitRate(pixels: 0, frameRate))
        configuration.frameRate = frameRate
        encoder = try VideoEncoder(configuration)
    }

    /// Nil before anything was drawn.
    var size: (width: Int, height: Int)? { layout.map { ($0.width, $0.height) } }

    func requestKeyFrame() { encoder.forceKeyFrame() }

    /// Draws what has changed.
    func draw(_ layout: CompositeLayout, _ pictures: [EndpointID: HubPicture]) throws(MediaError) {
        let isNew = layout != self.layout
        if isNew {
            self.layout = nil
            canvas = try VideoFrame(width: layout.width, height: layout.height)
            let ports = Set(layout.cells.map(\.port))
            scaled = scaled.filter { ports.contains($0.key) }
            encoder.setBitRate(Self.bitRate(pixels: layout.width * layout.height, frameRate))
        }
        var changed: Set<EndpointID> = []
        for cell in layout.cells {
            guard let shown = pictures[cell.port] else { continue }
            let cached = scaled[cell.port] ?? Scaled()
            scaled[cell.port] = cached
            if try cached.update(shown, cell) { changed.insert(cell.port) }
        }
        for cell in layout.cells {
            guard isNew || changed.contains(cell.port) || (layout.overlaps && !changed.isEmpty),
                let picture = scaled[cell.port]?.picture
            else { continue }
            try canvas?.copy(picture, x: cell.x, y: cell.y)
        }
        self.layout = layout
    }

    /// - Parameter time: rises from call to call.
    func encode(at time: Interval) throws(MediaError) -> [EncodedVideoFrame] {
        canvas?.pts = time
        guard let canvas else { return [] }
        return try encoder.encode(canvas)
    }

    /// A tenth of a bit for each pixel, in sensible bounds.
    private static func bitRate(pixels: Int, _ frameRate: Int) -> Int {
        min(max(pixels * frameRate / 10, 150_000), 4_000_000)
    }
}
