import Session

/// PlayerEndpoint and RecorderEndpoint: media elements of the media plane.
extension MediaServer {
    /// What an object of the class is in the media plane; nil for a class that is none of these.
    static func element(_ type: ObjectClass, _ arguments: Arguments) throws(KurentoError) -> ElementSpecification? {
        switch type.name {
        case "PlayerEndpoint":
            let cache = min(max(arguments.values["networkCache"]?.asInt64 ?? 2000, 0), Int64(Limits.networkCache))
            return .player(
                PlayerSpecification(
                    uri: arguments.string("uri"), networkCache: Int(cache),
                    usesEncodedMedia: arguments.bool("useEncodedMedia")))
        case "HttpPostEndpoint": return upload(arguments)
        case "RecorderEndpoint":
            let name = arguments.optionalString("mediaProfile") ?? "WEBM"
            guard let profile = RecordingProfile(kurento: name) else {
                throw KurentoError(.marshalError, "Invalid value for 'MediaProfileSpecType'")
            }
            return .recorder(RecorderSpecification(uri: arguments.string("uri"), profile: profile))
        default:
            if let filter = try filter(type, arguments) { return .filter(filter) }
            return try hubElement(type.name, arguments)
        }
    }

    func open(
        _ object: MediaObject, _ id: EndpointID, _ specification: ElementSpecification, in pipeline: Pipeline
    ) async throws(KurentoError) {
        do throws(Refusal) {
            _ = try await performOrRefuse(.openElement(id, specification), in: pipeline)
        } catch {
            guard error.reason == .invalid else { throw KurentoError(error) }
            throw KurentoError(.mediaObjectIllegalParameter, error.message)
        }
        object.element = ElementState(id: id)
        pipeline.endpoints[id] = object
    }

    /// False for a method that is not one of theirs.
    func commandElement(
        _ name: String, _ object: MediaObject, _ arguments: Arguments
    ) async throws(KurentoError) -> Bool {
        guard let element = object.element, let pipeline = object.pipeline else { return false }
        let command: ElementCommand
        switch name {
        case "play", "record": command = .start
        case "pause": command = .pause
        case "stop", "stopAndWait": command = .stop
        default:
            guard let change = try Self.filterCommand(name, arguments) else { return false }
            command = change
        }
        do throws(Refusal) {
            _ = try await performOrRefuse(.commandElement(element.id, command), in: pipeline)
        } catch {
            guard error.reason == .invalid || error.reason == .notFound else { throw KurentoError(error) }
            throw KurentoError(.mediaObjectIllegalParameter, error.message)
        }
        object.element?.note(command)
        touch(object)
        return true
    }

    func seek(_ object: MediaObject, to milliseconds: Int64) async throws(KurentoError) {
        guard let element = object.element, let pipeline = object.pipeline else { return }
        do throws(Refusal) {
            let command = ElementCommand.seek(milliseconds: Int(clamping: milliseconds))
            _ = try await performOrRefuse(.commandElement(element.id, command), in: pipeline)
        } catch {
            guard error.reason == .invalid else { throw KurentoError(error) }
            throw KurentoError(.playerSeekFail, "Seek failed: \(error.message)")
        }
    }

    /// Properties that the element itself knows. Nil for others.
    func elementValue(of property: String, _ object: MediaObject) async throws(KurentoError) -> JSONValue? {
        guard let element = object.element, let pipeline = object.pipeline else { return nil }
        switch property {
        case "state": return .string(element.state.kurento)
        case "elementGstreamerDot": return .string(pipeline.object.map(graphText) ?? "")
        case "position": return .integer(Int64(try await status(of: element, in: pipeline).position))
        case "videoInfo":
            let source = try await source(of: element, in: pipeline)
            let duration = JSONValue.integer(Int64(source.duration ?? -1))
            return .structure(
                "VideoInfo",
                [
                    "isSeekable": .bool(source.isSeekable), "seekableInit": 0,
                    "seekableEnd": source.isSeekable ? duration : 0, "duration": duration,
                ])
        default: return nil
        }
    }

    /// Clients ask as soon as they have said `play`: the resource may still be opening.
    private func source(
        of element: ElementState, in pipeline: Pipeline
    ) async throws(KurentoError) -> SourceInformation {
        for _ in 0..<Limits.sourceLooks {
            let status = try await status(of: element, in: pipeline)
            if let source = status.source { return source }
            guard status.state != .stopped else { break }
            try? await Task.sleep(for: Limits.sourceLook)
        }
        throw KurentoError(.unexpectedError, "Nothing is known of the video before it plays: call play first")
    }

    func status(of element: ElementState, in pipeline: Pipeline) async throws(KurentoError) -> ElementStatus {
        guard case .element(let status) = try await perform(.readElement(element.id), in: pipeline) else {
            throw KurentoError(.unexpectedError, "The worker did not say what the element does")
        }
        return status
    }

    // MARK: What they tell

    func note(_ state: ElementStatus.State, of object: MediaObject) {
        if object.hub != nil || object.type == "HubPort" {
            if state == .started { tellSettings(to: object) }
            return
        }
        guard !object.isFilter else {
            if state == .started { tellFilter(object) }
            return
        }
        guard object.element?.state != state else { return }
        object.element?.state = state
        if state == .stopped, object.encodesAnew != PerKind(false), let pipeline = object.pipeline {
            object.encodesAnew = PerKind(false)
            tellTranscoding(of: pipeline)
        }
        guard object.type != "HttpPostEndpoint" else { return noteSession(state, of: object) }
        raise("UriEndpointStateChanged", on: object, ["state": .string(state.kurento)])
        guard object.type == "RecorderEndpoint" else { return }
        switch state {
        case .started: raise("Recording", on: object)
        case .paused: raise("Paused", on: object)
        case .stopped: raise("Stopped", on: object)
        }
    }

    /// A source has ended: recorders that were made with `stopOnEndOfStream` stop with it.
    func stopRecorders(fedBy source: EndpointID, in pipeline: Pipeline) {
        let endpoints = endpoints(of: pipeline)
        for (id, object) in pipeline.endpoints.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard object.properties["stopOnEndOfStream"]?.asBool == true,
                [.audio, .video].contains(where: { pipeline.graph.origin(of: object.id, $0, endpoints) == source })
            else { continue }
            Task {
                await pipeline.gate.enter()
                await attempt(.commandElement(id, .stop), in: pipeline)
                pipeline.gate.leave()
            }
        }
    }

    func raise(_ failure: ElementFailure, on object: MediaObject) {
        let (type, code) = failure.reason.gstreamerError(isWriting: object.type == "RecorderEndpoint")
        raise(
            "Error", on: object,
            ["description": .string(failure.message), "errorCode": .integer(code), "type": .string(type)])
    }
}

extension RecordingProfile {
    /// - Parameter name: a value of Kurento's MediaProfileSpecType.
    init?(kurento name: String) {
        let container = name.split(separator: "_", maxSplits: 1).first.map(String.init)
        switch container {
        case "WEBM": self.init(container: .webm)
        case "MKV": self.init(container: .matroska)
        case "MP4": self.init(container: .mp4)
        case "FLV": self.init(container: .flv)
        case "JPEG": self.init(container: .jpeg)
        case "KURENTO": self.init(container: .split)
        default: return nil
        }
        hasAudio = !name.hasSuffix("_VIDEO_ONLY")
        hasVideo = !name.hasSuffix("_AUDIO_ONLY")
    }
}

extension ElementStatus.State {
    /// Of UriEndpointState.
    fileprivate var kurento: String {
        switch self {
        case .stopped: "STOP"
        case .started: "START"
        case .paused: "PAUSE"
        }
    }
}

extension ElementFailure.Reason {
    /// Clients of Kurento know GStreamer's words and numbers (`gsterror.h`).
    fileprivate func gstreamerError(isWriting: Bool) -> (type: String, code: Int64) {
        switch self {
        case .notFound: ("RESOURCE_ERROR_NOT_FOUND", 3)
        case .forbidden: ("RESOURCE_ERROR_NOT_AUTHORIZED", 15)
        case .unreachable: ("RESOURCE_ERROR_OPEN", isWriting ? 6 : 5)
        case .wrongFormat: ("STREAM_ERROR_WRONG_TYPE", 4)
        case .unsupportedCodec: ("STREAM_ERROR_CODEC_NOT_FOUND", 6)
        case .unreadable: ("RESOURCE_ERROR_READ", 9)
        case .unopenable: ("RESOURCE_ERROR_OPEN", isWriting ? 6 : 5)
        case .unwritable: ("RESOURCE_ERROR_WRITE", 10)
        case .noSpace: ("RESOURCE_ERROR_NO_SPACE_LEFT", 14)
        case .other: ("RESOURCE_ERROR_FAILED", 1)
        }
    }
}
