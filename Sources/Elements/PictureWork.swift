import Media
import Reactor
import Session
import Wire

/// What a filter does with each picture.
enum PictureWork {
    case images(ImageLayers)
    case codes(CodeWatch)
    case elements(ElementChain)
    case text(ElementChain)

    init(_ specification: FilterSpecification, policy: ResourcePolicy) throws(MediaError) {
        switch specification {
        case .imageOverlay: self = .images(ImageLayers(policy: policy))
        case .codes: self = .codes(try CodeWatch(sendsMessages: false))
        case .codesToData: self = .codes(try CodeWatch(sendsMessages: true))
        case .textFromData: self = .text(try ElementChain(GStreamerElement(.textoverlay)))
        case .gstreamer(let element): self = .elements(try ElementChain(element))
        }
    }

    mutating func obey(_ command: ElementCommand) throws(Refusal) {
        switch (self, command) {
        case (.images(let layers), .addImage(let image)): try layers.add(image)
        case (.images(let layers), .removeImage(let id)): try layers.remove(id)
        case (.elements(let chain), .setProperty(let name, let value)): try chain.set(name, to: value)
        default: throw Refusal(.invalid, "this filter has no such command")
        }
    }

    /// A message of a data channel.
    mutating func hear(_ message: String) {
        guard case .text(let chain) = self else { return }
        chain.show(message)
    }

    /// The pictures that come of one; what the work cannot be done with goes on as it is.
    func apply(_ picture: VideoFrame) -> [VideoFrame] {
        switch self {
        case .images(let layers): [layers.apply(picture)]
        case .codes(let watch): watch.apply(picture)
        case .elements(let chain), .text(let chain): chain.apply(picture)
        }
    }

    func takeReports() -> [ElementOutput] {
        switch self {
        case .images(let layers): layers.takeReports()
        case .codes(let watch): watch.takeReports()
        case .elements, .text: []
        }
    }

    func close() {
        if case .images(let layers) = self { layers.close() }
    }
}
