public import Wire

/// A value that a scenario writes as one word or a number with its unit.
protocol ScalarValue: Hashable {
    init?(text: String)
    var text: String { get }
    /// For errors: `a time`.
    static var form: String { get }
    static var example: String { get }
    /// Nearby, with one digit; itself where it has no more.
    var rounded: Self { get }
}

extension ScalarValue {
    var rounded: Self { self }
}

extension Int64 {
    /// To one digit, halves upwards: 1691 is 2000.
    var roundedToOneDigit: Int64 {
        var unit: Int64 = 1
        while self / unit >= 10 { unit *= 10 }
        return (self / unit + (self % unit >= (unit + 1) / 2 && unit > 1 ? 1 : 0)) * unit
    }
}

/// Decimal numbers without floating point: what is read is what is written again.
enum Decimal {
    /// `1.25` in units of one hundredth is 125; nil for what is no number, too large or finer than the unit.
    static func parse(_ text: some StringProtocol, unit: Int64) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, digits(whole), let value = Int64(whole) else { return nil }
        let (scaled, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return scaled }
        var place = unit
        var rest: Int64 = 0
        guard digits(parts[1]), parts[1].utf8.count <= 18 else { return nil }
        for byte in parts[1].utf8 {
            guard place % 10 == 0 || byte == UInt8(ascii: "0") else { return nil }
            place /= 10
            rest += Int64(byte - UInt8(ascii: "0")) * place
        }
        let (sum, isTooLarge) = scaled.addingReportingOverflow(rest)
        return isTooLarge ? nil : sum
    }

    static func format(_ value: Int64, unit: Int64) -> String {
        let rest = value % unit
        guard rest != 0 else { return String(value / unit) }
        let digits = String(unit + rest).dropFirst()
        return "\(value / unit)."
            + digits.prefix(
                upTo: digits.lastIndex { $0 != "0" }.map { digits.index(after: $0) }
                    ?? digits.endIndex)
    }

    /// A number and the unit that follows it.
    static func split(_ text: String) -> (number: String, unit: String) {
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let unit = text.dropFirst(number.count).drop { $0 == " " }
        return (String(number), String(unit))
    }

    private static func digits(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }
}

extension Interval: ScalarValue {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
        ("ns", 1),
    ]

    init?(text: String) {
        let (number, name) = Decimal.split(text)
        guard let unit = name.isEmpty ? (number == "0" ? 1 : nil) : Self.units.first(where: { $0.name == name })?.1,
            let nanoseconds = Decimal.parse(number, unit: unit), nanoseconds <= Limits.interval.nanoseconds
        else { return nil }
        self.init(nanoseconds: nanoseconds)
    }

    var text: String {
        let unit = Self.units.dropFirst(2).first { nanoseconds % $0.nanoseconds == 0 } ?? ("ns", 1)
        return "\(nanoseconds / unit.nanoseconds) \(unit.name)"
    }

    var rounded: Interval { Interval(nanoseconds: nanoseconds.roundedToOneDigit) }
    static var form: String { "a time with its unit, at most a day" }
    static var example: String { "20 ms" }
}

/// How much of something, exact to a millionth.
public struct Share: Hashable, Comparable, Sendable {
    /// 0...1,000,000.
    public var millionths: Int

    public init(millionths: Int) { self.millionths = min(max(millionths, 0), 1_000_000) }

    public static func percent(_ percent: Int) -> Share { Share(millionths: percent * 10_000) }
    public static let zero = Share(millionths: 0)
    public static func < (left: Share, right: Share) -> Bool { left.millionths < right.millionths }

    /// For a draw.
    var fraction: Double { Double(millionths) / 1_000_000 }
}

extension Share: ScalarValue {
    init?(text: String) {
        let (number, unit) = Decimal.split(text)
        guard unit == "%" || (unit.isEmpty && number == "0"), let value = Decimal.parse(number, unit: 10_000),
            value <= 1_000_000
        else { return nil }
        self.init(millionths: Int(value))
    }

    var text: String { "\(Decimal.format(Int64(millionths), unit: 10_000)) %" }
    var rounded: Share { Share(millionths: Int(Int64(millionths).roundedToOneDigit)) }
    static var form: String { "a share from 0 % to 100 %" }
    static var example: String { "5 %" }
}

/// Bits per second.
public struct DataRate: Hashable, Sendable {
    /// At least 1.
    public var bitsPerSecond: UInt64

    public init(bitsPerSecond: UInt64) { self.bitsPerSecond = max(bitsPerSecond, 1) }
}

extension DataRate: ScalarValue {
    private static let units: [(name: String, bits: Int64)] = [
        ("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1000), ("bit/s", 1),
    ]

    init?(text: String) {
        let (number, name) = Decimal.split(text)
        guard let unit = Self.units.first(where: { $0.name == name }),
            let bits = Decimal.parse(number, unit: unit.bits), bits >= 1000, bits <= 1_000_000_000_000
        else { return nil }
        self.init(bitsPerSecond: UInt64(bits))
    }

    var text: String {
        let unit = Self.units.first { bitsPerSecond % UInt64($0.bits) == 0 } ?? ("bit/s", 1)
        return "\(bitsPerSecond / UInt64(unit.bits)) \(unit.name)"
    }

    var rounded: DataRate { DataRate(bitsPerSecond: UInt64(Int64(clamping: bitsPerSecond).roundedToOneDigit)) }
    static var form: String { "a rate from 1 kbit/s to 1000 Gbit/s" }
    static var example: String { "2 Mbit/s" }
}

/// An amount of data.
public struct ByteCount: Hashable, Sendable {
    public var bytes: Int

    public init(bytes: Int) { self.bytes = bytes }
}

extension ByteCount: ScalarValue {
    private static let units: [(name: String, bytes: Int64)] = [
        ("MiB", 1 << 20), ("KiB", 1024), ("MB", 1_000_000), ("kB", 1000), ("B", 1),
    ]

    init?(text: String) {
        let (number, name) = Decimal.split(text)
        guard let unit = Self.units.first(where: { $0.name == name }),
            let bytes = Decimal.parse(number, unit: unit.bytes), bytes <= 1 << 30
        else { return nil }
        self.init(bytes: Int(bytes))
    }

    var text: String {
        let unit = Self.units.first { bytes > 0 && bytes % Int($0.bytes) == 0 } ?? ("B", 1)
        return "\(bytes / Int(unit.bytes)) \(unit.name)"
    }

    static var form: String { "an amount of data, at most 1024 MiB" }
    static var example: String { "256 KiB" }
}

extension Int: ScalarValue {
    init?(text: String) {
        guard let value = Int(text), (0...1_000_000).contains(value) else { return nil }
        self = value
    }

    var text: String { String(self) }
    var rounded: Int { Int(Int64(self).roundedToOneDigit) }
    static var form: String { "a whole number from 0 to 1000000" }
    static var example: String { "5" }
}

extension UInt16: ScalarValue {
    init?(text: String) {
        guard let value = UInt16(text, radix: 10), value > 0 else { return nil }
        self = value
    }

    var text: String { String(self) }
    static var form: String { "a whole number from 1 to 65535" }
    static var example: String { "3478" }
}

extension UInt64: ScalarValue {
    init?(text: String) { self.init(text, radix: 10) }

    var text: String { String(self) }
    static var form: String { "a whole number" }
    static var example: String { "1" }
}

extension Bool: ScalarValue {
    init?(text: String) {
        guard text == "true" || text == "false" else { return nil }
        self = text == "true"
    }

    var text: String { self ? "true" : "false" }
    static var form: String { "true or false" }
    static var example: String { "true" }
}

extension String: ScalarValue {
    init?(text: String) {
        // Folded blocks of YAML end with a line break.
        self = text.last == "\n" ? String(text.dropLast()) : text
    }

    var text: String { self }
    static var form: String { "text" }
    static var example: String { "a few words" }
}

extension IPAddress: ScalarValue {
    init?(text: String) { self.init(text) }

    var text: String { description }
    static var form: String { "an IPv4 or IPv6 address" }
    static var example: String { "192.168.1.2" }
}
