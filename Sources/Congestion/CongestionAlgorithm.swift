/// Which law turns feedback into a rate.
public enum CongestionAlgorithm: String, CaseIterable, Sendable {
    /// Google Congestion Control as libwebrtc runs it today, not as its paper of 2016 has it.
    case gcc
    /// Holds each flow's queueing delay at a target that falls with its rate, so that equal flows meet at equal
    /// rates whatever their round trips are.
    case delayTarget = "delay-target"

    /// What a server uses unless it is told otherwise: the better one over the suite of RFC 8867.
    public static let standard = CongestionAlgorithm.delayTarget
}
