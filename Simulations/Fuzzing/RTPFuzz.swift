import RTP
import Wire

/// RTP headers, header extensions, key-frame peeks and RTX over arbitrary bytes.
public enum RTPFuzz {
    public static func run(_ input: RawSpan) {
        for codec in Codec.allCases { _ = codec.isKeyFrameStart(input) }
        guard let header = try? RTPHeader(parsing: input) else { return }
        precondition(header.payloadRange.upperBound + Int(header.paddingLength) == input.byteCount)
        var elements = HeaderExtensions(header)
        while let element = elements.next(in: input) {
            precondition(header.extensionRange.contains(element.range))
            _ = header.headerExtension(id: element.id, in: input)
            _ = HeaderExtensionValue(input.extracting(element.range))
        }
        let payload = input.extracting(header.payloadRange)
        for codec in Codec.allCases { _ = codec.isKeyFrameStart(payload) }
        rewrite(input, header)
        retransmit(input, header)
    }

    /// Writes the header afresh with every element that fits, and reads it back.
    private static func rewrite(_ input: RawSpan, _ header: RTPHeader) {
        var buffer = [UInt8](repeating: 0xAA, count: input.byteCount + 64)
        var packetElements = buffer.mutableSpan
        var packet = unsafe packetElements.mutableBytes
        let form: RTPHeaderWriter.Form = header.marker ? .twoByte : .oneByte
        guard var writer = try? RTPHeaderWriter(header, form: form, into: &packet) else { return }
        var elements = HeaderExtensions(header)
        while let element = elements.next(in: input) {
            writer.append(id: element.id, input.extracting(element.range), into: &packet)
        }
        let length = writer.finish(into: &packet)
        let written = packet.bytes.extracting(0..<length)
        guard let again = try? RTPHeader(parsing: written) else { preconditionFailure("own header refused") }
        precondition(again.ssrc == header.ssrc && again.sequenceNumber == header.sequenceNumber)
        precondition(again.headerLength == length)
    }

    private static func retransmit(_ input: RawSpan, _ header: RTPHeader) {
        var buffer = input.copied() + [0, 0]
        var packetElements = buffer.mutableSpan
        var packet = unsafe packetElements.mutableBytes
        let number = SequenceNumber(7)
        guard
            let length = try? RTX.encapsulate(
                &packet, header: header, payloadType: 97, ssrc: 1, sequenceNumber: number),
            let repeated = try? RTPHeader(parsing: packet.bytes.extracting(0..<length)),
            let back = try? RTX.decapsulate(
                &packet, header: repeated, payloadType: header.payloadType, ssrc: header.ssrc)
        else { return }
        precondition(back == header.payloadRange.upperBound)
        let isSame = packet.bytes.extracting(header.payloadRange).elementsEqual(input.extracting(header.payloadRange))
        precondition(isSame)
        if header.payloadRange.count > 2 {
            _ = try? RTX.decapsulate(&packet, header: header, payloadType: 96, ssrc: 2)
        }
    }
}

extension Range where Bound == Int {
    fileprivate func contains(_ other: Range<Int>) -> Bool {
        lowerBound <= other.lowerBound && other.upperBound <= upperBound
    }
}
