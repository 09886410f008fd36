import Session

/// Filters: media elements of the media plane that stand between others.
extension MediaServer {
    /// Nil for a class that is no filter.
    static func filter(_ type: ObjectClass, _ arguments: Arguments) throws(KurentoError) -> FilterSpecification? {
        switch type.name {
        case "ImageOverlayFilter": return .imageOverlay
        case "ZBarFilter": return .codes
        case "KmsSendData": return .codesToData
        case "KmsShowData": return .textFromData
        case "GStreamerFilter":
            guard arguments.optionalString("filterType") != "AUDIO" else {
                throw KurentoError(.notImplemented, "filterType AUDIO is not supported; take VIDEO or AUTODETECT")
            }
            do throws(GStreamerElement.DescriptionError) {
                return .gstreamer(try GStreamerElement(parsing: arguments.string("command")))
            } catch {
                throw KurentoError(error)
            }
        default: return nil
        }
    }

    /// Nil for a method that no filter has.
    static func filterCommand(_ name: String, _ arguments: Arguments) throws(KurentoError) -> ElementCommand? {
        switch name {
        case "addImage":
            func number(_ name: String) -> Double { arguments[name]?.asDouble ?? 0 }
            return .addImage(
                ImageOverlay(
                    id: try short("id", arguments), uri: try short("uri", arguments), x: number("offsetXPercent"),
                    y: number("offsetYPercent"), width: number("widthPercent"), height: number("heightPercent"),
                    keepsAspectRatio: arguments["keepAspectRatio"]?.asBool ?? false,
                    isCentered: arguments["center"]?.asBool ?? false))
        case "removeImage": return .removeImage(try short("id", arguments))
        case "setElementProperty":
            return .setProperty(try short("propertyName", arguments), try short("propertyValue", arguments))
        default: return nil
        }
    }

    /// It begins, at first or in the process after one that ended: there it has nothing of what it was told before.
    func tellFilter(_ object: MediaObject) {
        guard let element = object.element, !element.told.isEmpty, let pipeline = object.pipeline else { return }
        Task {
            await pipeline.gate.enter()
            defer { pipeline.gate.leave() }
            for command in object.element?.told ?? [] where !object.isReleased && pipeline.loss == nil {
                await attempt(.commandElement(element.id, command), in: pipeline)
            }
        }
    }

    private static func short(_ name: String, _ arguments: Arguments) throws(KurentoError) -> String {
        let text = arguments.string(name)
        guard text.utf8.count <= Limits.propertyBytes else {
            throw KurentoError(.mediaObjectIllegalParameter, "\(name) may have \(Limits.propertyBytes) bytes")
        }
        return text
    }
}

extension KurentoError {
    init(_ error: GStreamerElement.DescriptionError) {
        switch error {
        case .malformed(let reason): self.init(.marshalError, "'command' cannot be read: \(reason)")
        case .unknownElement(let name):
            let known = GStreamerElement.Name.allCases.map(\.rawValue).joined(separator: ", ")
            self.init(.mediaObjectNotAvailable, "Element '\(name.prefix(80))' is not available; these are: \(known)")
        case .unknownProperty(let property, let element):
            let known = element.properties.joined(separator: ", ")
            self.init(
                .mediaObjectIllegalParameter,
                "\(element.rawValue) has no property '\(property.prefix(80))' here; it has: \(known)")
        }
    }
}

extension MediaObject {
    var isFilter: Bool {
        ["ImageOverlayFilter", "GStreamerFilter", "KmsShowData", "ZBarFilter", "KmsSendData"].contains(type)
    }

    /// Whether the media plane has anything to do with what comes to it of this type.
    func takes(_ media: ElementGraph.MediaType) -> Bool { !isFilter || media == .video }

    /// What comes to the object of this type leaves it untouched.
    func passes(_ media: ElementGraph.MediaType) -> Bool {
        switch type {
        case "ImageOverlayFilter", "GStreamerFilter", "KmsShowData": media != .video
        case "ZBarFilter": true
        case "KmsSendData": media != .data
        default: false
        }
    }

    /// Messages of data channels may be led to it.
    var takesData: Bool { usesDataChannels || type == "KmsShowData" }
    /// Messages may be led from it.
    var givesData: Bool { usesDataChannels || type == "KmsSendData" }
}
