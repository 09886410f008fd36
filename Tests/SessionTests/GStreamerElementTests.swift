import Testing

@testable import Session

/// Descriptions of one element, as `gst-launch-1.0` takes them.
@Suite struct GStreamerElementTests {
    private typealias DescriptionError = GStreamerElement.DescriptionError

    @Test func aDescriptionIsANameAndProperties() throws {
        let element = try GStreamerElement(parsing: "  videobalance saturation=0.0   contrast=1.5 ")
        #expect(element == GStreamerElement(.videobalance, properties: ["saturation": "0.0", "contrast": "1.5"]))
        #expect(try GStreamerElement(parsing: "videoflip") == GStreamerElement(.videoflip))
    }

    @Test func quotesHoldSpacesTogether() throws {
        let element = try GStreamerElement(parsing: #"textoverlay text="on air: 'live'" font-desc='Sans\ 30'"#)
        #expect(element.properties == ["text": "on air: 'live'", "font-desc": "Sans 30"])
    }

    @Test(arguments: [
        ("", "an element's name is missing"), ("videoflip clockwise", "'clockwise' is not of the form property=value"),
        ("videoflip =1", "'=1' is not of the form property=value"),
        ("videoflip ! videobalance", "one element is possible, not a chain of them"),
        ("textoverlay text=\"open", "a quote is not closed"), ("textoverlay text=a\\", "a quote is not closed"),
        (String(repeating: "x", count: 4097), "it may have 4096 bytes"),
    ])
    func whatIsNoDescriptionIsRefused(text: String, reason: String) {
        #expect(throws: DescriptionError.malformed(reason)) { try GStreamerElement(parsing: text) }
    }

    @Test func unknownElementsAndPropertiesAreNamed() {
        #expect(throws: DescriptionError.unknownElement("filesink")) {
            try GStreamerElement(parsing: "filesink location=/etc/passwd")
        }
        #expect(throws: DescriptionError.unknownProperty("angle", of: .videoflip)) {
            try GStreamerElement(parsing: "videoflip angle=3")
        }
    }
}
