/// Room to read one report in. Controllers that are never asked at the same time share one: it grows to the largest
/// report and is kept from then on, where each controller of its own would need as much.
public struct FeedbackScratch: Sendable {
    var received: [Acknowledgement] = []
    var lost: [Acknowledgement] = []

    public init() {}
}
