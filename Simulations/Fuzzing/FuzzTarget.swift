/// A parser that reads what strangers send. The raw value is its name on the command line and its folder in
/// `Simulations/FailCases`.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case stun, turn, candidate, mdns, dtls, sctp, srtp, rtp, rtcp, red, vp9, payload, dependency, sdp
    case trickle, kurento, store, heartbeat, form, location

    /// Reads `input` as the target's wire format. Traps are findings; errors are not.
    public func run(_ input: RawSpan) {
        switch self {
        case .stun: STUNFuzz.run(input)
        case .turn: TURNFuzz.run(input)
        case .candidate: CandidateFuzz.run(input)
        case .mdns: MDNSFuzz.run(input)
        case .dtls: DTLSFuzz.run(input)
        case .sctp: SCTPFuzz.run(input)
        case .srtp: SRTPFuzz.run(input)
        case .rtp: RTPFuzz.run(input)
        case .rtcp: RTCPFuzz.run(input)
        case .red: REDFuzz.run(input)
        case .vp9: VP9Fuzz.run(input)
        case .payload: PayloadFuzz.run(input)
        case .dependency: DependencyFuzz.run(input)
        case .sdp: SDPFuzz.run(input)
        case .trickle: TrickleFuzz.run(input)
        case .kurento: KurentoFuzz.run(input)
        case .store: StoreRecordFuzz.run(input)
        case .heartbeat: HeartbeatFuzz.run(input)
        case .form: FormFuzz.run(input)
        case .location: LocationFuzz.run(input)
        }
    }

    /// The same for bytes on the heap.
    public func run(_ input: [UInt8]) {
        unsafe run(input.span.bytes)
    }
}
