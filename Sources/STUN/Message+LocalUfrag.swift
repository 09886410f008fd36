import Wire

extension Message {
    /// Of a Binding request, USERNAME's part before the colon: the receiver's own fragment (RFC 8445
    /// section 7.2.2). For finding the peer of an unknown tuple; nothing is verified here.
    /// Nil for anything else, and for fragments longer than ``UfragKey/maximumBytes``.
    public static func localUfrag(ofRequest datagram: RawSpan) -> UfragKey? {
        guard let header = try? header(of: datagram), header.type == MessageType(.request) else { return nil }
        var offset = headerBytes
        for _ in 0..<STUN.Limits.attributes {
            guard datagram.byteCount - offset >= 4 else { return nil }
            let length = Int(datagram.uint16(at: offset + 2))
            guard length <= datagram.byteCount - offset - 4 else { return nil }
            guard datagram.uint16(at: offset) != AttributeType.username.rawValue else {
                return fragment(of: datagram.extracting((offset + 4)..<(offset + 4 + length)))
            }
            offset += 4 + (length + 3) & ~3
        }
        return nil
    }

    /// This message's USERNAME part before the colon.
    public var localUfrag: UfragKey? {
        guard let username = value(of: .username) else { return nil }
        return Self.fragment(of: username)
    }

    private static func fragment(of username: RawSpan) -> UfragKey? {
        guard username.byteCount <= STUN.Limits.usernameBytes else { return nil }
        for index in 0..<min(username.byteCount, UfragKey.maximumBytes + 1)
        where username.uint8(at: index) == UInt8(ascii: ":") {
            return UfragKey(username.extracting(0..<index))
        }
        return nil
    }
}
