/// What a description may hold. A browser's offer of one audio and one video section has 150 to 250 lines;
/// one of 20 sections has about 2000.
enum Limits {
    /// Bytes of a whole description.
    static let textBytes = 65_536
    /// Bytes of one line without its end.
    static let lineBytes = 4_096
    /// Lines of a whole description.
    static let lines = 4_096
    /// `m=` sections.
    static let sections = 64
    /// `a=` lines within the session part or within one section; Chrome's longest section has about 130.
    static let attributes = 512
    /// Formats of one `m=` line: every payload type there is (RFC 3551 section 3, seven bits).
    static let formats = 128
    /// Words of a list: mids of a group, ICE options, SSRCs of a group, simulcast streams.
    static let listWords = 64
    /// Parameters of one `a=fmtp` line.
    static let formatParameters = 64
    /// Bytes of a mid, rid, stream id or track id. Browsers use UUIDs; RFC 9143 suggests three bytes for a mid.
    static let identifierBytes = 256
    /// Bytes of an RTCP canonical name, an SDES item (RFC 3550 section 6.5).
    static let cnameBytes = 255
    /// RTP streams of one section that are handed on.
    static let encodings = 32
    /// `a=crypto` lines of one section: RFC 4568 has three suites, RFC 6188 and 7714 add six.
    static let cryptos = 16
    /// Length of an ICE user fragment and password (RFC 8839 section 5.4).
    static let ufragBytes = 4...256
    static let passwordBytes = 22...256
}
