/// Natural logarithm and exponential without a system library: cores import none.
///
/// Good to about 1e-12, which is far below any noise in a rate.
enum RealMath {
    private static let ln2 = 0.693_147_180_559_945_3

    /// ln(x); the logarithm of the least normal number for anything that has none.
    static func log(_ x: Double) -> Double {
        guard x >= Double.leastNormalMagnitude, x.isFinite else { return -708 }
        // x = m · 2^e with m in [1, 2), moved to [√½, √2) so that the series is short;
        // ln m = 2·artanh((m − 1)/(m + 1)).
        var exponent = Double(x.exponent)
        var significand = x.significand
        if significand > 1.414_213_562_373_095 {
            significand *= 0.5
            exponent += 1
        }
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        var sum = 0.0
        var power = ratio
        for divisor in stride(from: 1.0, through: 15, by: 2) {
            sum += power / divisor
            power *= square
        }
        return 2 * sum + exponent * ln2
    }

    /// e^x, for x within ±700.
    static func exp(_ x: Double) -> Double {
        let bounded = min(max(x, -700), 700)
        let exponent = (bounded / ln2).rounded()
        let rest = bounded - exponent * ln2
        var term = 1.0
        var sum = 1.0
        for divisor in stride(from: 1.0, through: 13, by: 1) {
            term *= rest / divisor
            sum += term
        }
        return Double(sign: .plus, exponent: Int(exponent), significand: sum)
    }

    /// base^exponent for a positive base.
    static func pow(_ base: Double, _ exponent: Double) -> Double { exp(exponent * log(base)) }
}
