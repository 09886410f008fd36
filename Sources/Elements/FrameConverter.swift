import Payload
import Reactor
import Session

/// What a ``ConverterElement`` does with frames.
protocol FrameConverter: AnyObject {
    /// What comes of a frame; nothing where it is damaged.
    ///
    /// - Parameter isLate: pictures are decoded, for others build on them, and shown to nobody.
    func take(_ frame: EncodedFrame, _ format: PayloadFormat, isLate: Bool) -> [ConvertedFrame]
    /// The source has to send a key frame before anything can be seen.
    var needsKeyFrame: Bool { get }
    /// Somebody who takes what is made has to begin anew.
    func requestKeyFrame()
    /// The time stamp of what is made at the source's; nil before anything was.
    func timestamp(ofSource timestamp: UInt32) -> UInt32?
    func obey(_ command: ElementCommand) throws(Refusal)
    func hear(_ message: String)
    func takeReports() -> [ElementOutput]
    func close()
}

/// An encoded frame, with its time stamp.
struct ConvertedFrame {
    var bytes: [UInt8]
    var timestamp: UInt32
}

/// One that cannot be told anything and has nothing to tell.
extension FrameConverter {
    func obey(_ command: ElementCommand) throws(Refusal) {
        throw Refusal(.invalid, "this element cannot be told anything")
    }

    func hear(_ message: String) {}
    func takeReports() -> [ElementOutput] { [] }
    func close() {}
}
