import Media
import Reactor
import Session
import Synchronization
import Wire

/// The images that a filter lays over its pictures, in the order of their ids. Each is fetched on a thread of its own
/// and appears when it is there.
final class ImageLayers {
    private let policy: ResourcePolicy
    private var layers: [String: Layer] = [:]

    private final class Layer {
        let image: ImageOverlay
        let source: ImageSource
        var scaled: VideoFrame?
        var scaler = VideoScaler()

        init(_ image: ImageOverlay, _ source: ImageSource) {
            self.image = image
            self.source = source
        }
    }

    init(policy: ResourcePolicy) { self.policy = policy }

    /// One with the id of another takes its place.
    func add(_ image: ImageOverlay) throws(Refusal) {
        guard [image.x, image.y].allSatisfy({ (-4...4).contains($0) }),
            [image.width, image.height].allSatisfy({ $0 > 0 && $0 <= 4 })
        else {
            throw Refusal(
                .invalid, "an image's place and size are parts of the picture: offsets from -4 to 4, sizes up to 4")
        }
        guard layers[image.id] != nil || layers.count < Limits.images else {
            throw Refusal(.overLimit, "a filter may have \(Limits.images) images; remove some")
        }
        let source: ImageSource
        do throws(SystemError) {
            source = try ImageSource(image.uri, policy: policy)
        } catch {
            throw Refusal(.overLimit, "no thread to fetch an image: \(error)")
        }
        layers.updateValue(Layer(image, source), forKey: image.id)?.source.close()
    }

    func remove(_ id: String) throws(Refusal) {
        guard let layer = layers.removeValue(forKey: id) else {
            throw Refusal(.notFound, "the filter has no image '\(id.prefix(80))'")
        }
        layer.source.close()
    }

    func apply(_ picture: VideoFrame) -> VideoFrame {
        var picture = picture
        for id in layers.keys.sorted() {
            guard let layer = layers[id] else { continue }
            lay(layer, over: &picture)
        }
        return picture
    }

    private func lay(_ layer: Layer, over picture: inout VideoFrame) {
        guard let original = layer.source.picture else { return }
        let (width, height) = (Double(picture.width), Double(picture.height))
        let place = (width: layer.image.width * width, height: layer.image.height * height)
        var size = place
        if layer.image.keepsAspectRatio {
            let factor = min(place.width / Double(original.width), place.height / Double(original.height))
            size = (Double(original.width) * factor, Double(original.height) * factor)
        }
        var x = layer.image.x * width
        var y = layer.image.y * height
        if layer.image.isCentered {
            x += (place.width - size.width) / 2
            y += (place.height - size.height) / 2
        }
        let (columns, rows) = (max(Int(size.width), 2), max(Int(size.height), 2))
        if layer.scaled?.width != columns || layer.scaled?.height != rows {
            layer.scaled = try? layer.scaler.scale(original, width: columns, height: rows)
        }
        guard let scaled = layer.scaled else { return }
        // Without memory for a picture of its own, this one goes on as it is.
        try? picture.overlay(scaled, x: Int(x), y: Int(y))
    }

    /// Images that could not be had; they are gone.
    func takeReports() -> [ElementOutput] {
        var reports: [ElementOutput] = []
        for (id, layer) in layers {
            guard let failure = layer.source.failure else { continue }
            layers[id] = nil
            reports.append(.failed(failure))
        }
        return reports
    }

    func close() {
        for layer in layers.values { layer.source.close() }
        layers = [:]
    }
}

/// An image on its way.
final class ImageSource: Sendable {
    private struct State {
        var picture: VideoFrame?
        var failure: ElementFailure?
    }

    private let state = Mutex(State())
    private let interruption = Interruption()

    init(_ uri: String, policy: ResourcePolicy) throws(SystemError) {
        try ThreadStart { [self] in read(uri, policy) }.launch(name: "apus-image")
    }

    var picture: VideoFrame? { state.withLock { $0.picture } }
    var failure: ElementFailure? { state.withLock { $0.failure } }

    func close() { interruption.interrupt() }

    private func read(_ uri: String, _ policy: ResourcePolicy) {
        do throws(ElementFailure) {
            let location = try policy.location(uri)
            var options = MediaReader.Options()
            options.followsRedirects = policy.allowsPrivateAddresses
            do throws(MediaError) {
                let picture = try ImageReader.read(location, options: options, interruption: interruption)
                state.withLock { $0.picture = picture }
            } catch {
                guard error != .interrupted else { return }
                var failure = ElementFailure(error, uri, isWriting: false)
                if error == .notMedia || error == .unsupportedCodec {
                    failure.message = "\(uri.prefix(200)) is no image that can be read: PNG, JPEG, WebP, BMP, GIF can"
                }
                throw failure
            }
        } catch {
            state.withLock { $0.failure = error }
        }
    }
}
