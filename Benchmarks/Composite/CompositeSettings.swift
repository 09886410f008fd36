/// What a run measures.
public struct CompositeSettings: Sendable, Codable, Hashable {
    /// A picture's size in pixels.
    public struct Size: Sendable, Codable, Hashable, CustomStringConvertible {
        public var width: Int
        public var height: Int

        public init(width: Int, height: Int) {
            self.width = width
            self.height = height
        }

        /// Reads `640x360`; nil for anything else, and for sides that are odd or out of 16...4096.
        public init?(_ text: String) {
            let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            guard sides.count == 2, let width = sides[0], let height = sides[1],
                [width, height].allSatisfy({ (16...4_096).contains($0) && $0 % 2 == 0 })
            else { return nil }
            self.init(width: width, height: height)
        }

        public var description: String { "\(width)x\(height)" }
    }

    /// What is done with what participants send.
    public enum Work: String, Sendable, Codable, Hashable, CaseIterable {
        /// Made one picture, and one sound.
        case composite
        /// Written into a WebM file for each, as it comes.
        case recording
    }

    public var work = Work.composite
    /// Who is mixed or recorded; 1...30.
    public var participants = 9
    /// What each of them sends.
    public var size = Size(width: 640, height: 360)
    public var framesPerSecond = 30
    /// Bits of each participant's pictures in a second.
    public var bitRate = 600_000
    /// The composite's size, and its pictures in a second.
    public var picture = Size(width: 800, height: 600)
    public var pictureRate = 15
    /// Of the composite.
    public var viewers = 2
    /// Forwarding sessions beside it: a publisher with 0.3 Mbit/s of video, and two subscribers.
    public var sessions = 10
    /// Of one measurement.
    public var seconds = 30
    /// Each measures forwarding alone and beside the composite.
    public var rounds = 3

    public init() {}
}
