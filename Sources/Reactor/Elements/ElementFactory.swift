public import RTP
public import Session

/// Makes media elements. `Media.MediaEngine` is the one in production.
public protocol ElementFactory: Sendable {
    /// Starts an element that talks by `port` until it is told to end there. Called on the reactor's thread: it must
    /// not block, and what fails later is told as an event.
    ///
    /// - Returns: what it sends and takes, as a peer's sections are negotiated.
    func open(
        _ specification: ElementSpecification, named name: EndpointID, port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia]

    /// Ends all elements. Returns when they have ended, files and all, or when one takes too long.
    func close() async
}

/// What a media element tells its reactor.
public enum ElementOutput: Sendable {
    /// RTP and RTCP, not protected, of the SSRCs that were announced.
    case packets(PacketBatch)
    /// The answer to a command.
    case outcome(Outcome, token: UInt64)
    case stateChanged(ElementStatus.State)
    case ended
    /// Whether it encodes media of this kind anew, once that is known and whenever it changes.
    case encodes(MediaKind, Bool)
    case found(DetectedCode)
    /// A message for the data channels that the element is connected to.
    case message(String)
    case failed(ElementFailure)
}
