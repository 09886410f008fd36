import RTP

extension CodecParameters {
    func hasFeedback(_ value: String) -> Bool { feedback.contains { $0.lowercased() == value } }
}
