import SDP
import Wire

/// Parses the input as a trickle fragment: it may not trap, and what was parsed must come back from its own text.
public enum TrickleFuzz {
    public static func run(_ input: RawSpan) {
        let text = String(decoding: input.copied(), as: UTF8.self)
        guard let fragment = try? TrickleFragment(parsing: text) else { return }
        // Under no section at all: the section's own lines say nothing about ICE.
        let written = fragment.text(for: SessionDescription())
        guard !written.isEmpty else { return }
        do throws(SDPError) {
            let again = try TrickleFragment(parsing: written)
            precondition(again == fragment, "parsing the written text gives the fragment")
        } catch {
            precondition(error.reason == .overLimit, "the written text is well-formed")
        }
    }
}
