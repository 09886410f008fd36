import Session

/// A media element of the media plane, as it was heard of last.
struct ElementState {
    let id: EndpointID
    var state = ElementStatus.State.stopped
    /// What a filter was told and still holds, in the order in which it is to be told again when a process begins anew.
    private(set) var told: [ElementCommand] = []

    init(id: EndpointID) { self.id = id }

    /// The element has done it.
    mutating func note(_ command: ElementCommand) {
        guard command.setting != nil else { return }
        told.removeAll { $0.setting == command.setting }
        if case .removeImage = command { return }
        told.append(command)
        // Images that were not found are in it, of which the element has none.
        if told.count > Limits.toldCommands { told.removeFirst() }
    }
}

extension ElementCommand {
    /// What of a filter it changes; nil where that is nothing that stays.
    fileprivate var setting: String? {
        switch self {
        case .addImage(let image): "image \(image.id)"
        case .removeImage(let id): "image \(id)"
        case .setProperty(let name, _): "property \(name)"
        default: nil
        }
    }
}

extension ElementState: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(EndpointID.self, forKey: .id)
        state = try container.decode(ElementStatus.State.self, forKey: .state)
        // A controller from before filters were told again wrote nothing of it.
        told = try container.decodeIfPresent([ElementCommand].self, forKey: .told) ?? []
    }
}
