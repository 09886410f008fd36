import RTP
import Wire

/// VP8 and VP9 payload descriptors: what they say lies inside the payload.
public enum VP9Fuzz {
    public static func run(_ input: RawSpan) {
        if let descriptor = try? VP9PayloadDescriptor(parsing: input) {
            precondition(descriptor.length < input.byteCount)
            if descriptor.pictureID != nil { precondition(descriptor.pictureIDRange.upperBound <= descriptor.length) }
            if descriptor.baseLayerIndex != nil { precondition(descriptor.baseLayerPosition < descriptor.length) }
            precondition(descriptor.temporalLayer < 8 && descriptor.spatialLayer < 8)
        }
        if let descriptor = try? VP8PayloadDescriptor(parsing: input) {
            precondition(descriptor.length < input.byteCount)
            if descriptor.pictureID != nil { precondition(descriptor.pictureIDRange.upperBound <= descriptor.length) }
            if descriptor.baseLayerIndex != nil { precondition(descriptor.baseLayerPosition < descriptor.length) }
            if descriptor.keyIndex != nil { precondition(descriptor.layerPosition < descriptor.length) }
        }
    }
}
