internal import CLinux
internal import COpenSSL
import Foundation

/// How fast the machine is at this moment, by the two operations that forwarding is made of: one `sendto` of 1200
/// bytes over loopback, and AES-128-GCM of 1200 bytes with OpenSSL. A shared host changes its mind between runs.
public struct Calibration: Sendable, Codable, Hashable {
    /// Nanoseconds for each.
    public var sendto: Double
    public var gcm: Double

    public init(sendto: Double, gcm: Double) {
        self.sendto = sendto
        self.gcm = gcm
    }

    /// How far this one is from `usual`: 0.15 is 15 % slower or faster in either of the two.
    public func deviation(from usual: Calibration) -> Double {
        max(abs(sendto / usual.sendto - 1), abs(gcm / usual.gcm - 1))
    }

    /// Of each operation by itself. Nil for none.
    public static func median(_ all: [Calibration]) -> Calibration? {
        guard let sendto = Statistics.median(all.map(\.sendto)), let gcm = Statistics.median(all.map(\.gcm)) else {
            return nil
        }
        return Calibration(sendto: sendto, gcm: gcm)
    }
}

/// Measures ``Calibration`` on the calling thread, for `seconds` in all.
@safe struct Calibrator: ~Copyable {
    private static let packet = 1_200
    private let sender: Int32
    private let sink: Int32
    private var destination = sockaddr_in()
    private let cipher: OpaquePointer

    /// Nil without sockets or cipher.
    init?() {
        sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        sink = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let key = [UInt8](repeating: 7, count: 16)
        guard sender >= 0, sink >= 0, let made = unsafe apus_srtp_new_cipher(1, 1, key, key.count) else {
            if sender >= 0 { close(sender) }
            if sink >= 0 { close(sink) }
            return nil
        }
        unsafe cipher = made
        destination.sin_family = sa_family_t(AF_INET)
        destination.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Nobody reads the sink: what is over its buffer is dropped after the whole way there.
        unsafe withUnsafeMutablePointer(to: &destination) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe _ = bind(sink, address, length)
                unsafe _ = getsockname(sink, address, &length)
            }
        }
    }

    deinit {
        close(sender)
        close(sink)
        unsafe EVP_CIPHER_CTX_free(cipher)
    }

    mutating func measure(seconds: Double = 0.2) -> Calibration {
        let slice = UInt64(seconds * 1e9 / 8)
        var sends: [Double] = []
        var seals: [Double] = []
        // In turns, and the median of them: one descheduling spoils one slice.
        for _ in 0..<4 {
            sends.append(sending(for: slice))
            seals.append(sealing(for: slice))
        }
        return Calibration(sendto: Statistics.median(sends) ?? 0, gcm: Statistics.median(seals) ?? 0)
    }

    private mutating func sending(for nanoseconds: UInt64) -> Double {
        let bytes = [UInt8](repeating: 1, count: Self.packet)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var count = 0.0
        let start = apus_monotonic_ns()
        var now = start
        while now < start + nanoseconds {
            unsafe withUnsafePointer(to: &destination) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    for _ in 0..<32 { unsafe _ = sendto(sender, bytes, bytes.count, 0, address, length) }
                }
            }
            count += 32
            now = apus_monotonic_ns()
        }
        return Double(now - start) / count
    }

    private func sealing(for nanoseconds: UInt64) -> Double {
        var bytes = [UInt8](repeating: 1, count: Self.packet)
        var tag = [UInt8](repeating: 0, count: 16)
        let header = [UInt8](repeating: 2, count: 12)
        var count = 0.0
        let start = apus_monotonic_ns()
        var now = start
        while now < start + nanoseconds {
            for index in 0..<32 {
                unsafe _ = apus_srtp_gcm(
                    cipher, 1, UInt64(index), UInt64(count), header, CInt(header.count), nil, 0, &bytes,
                    CInt(bytes.count), &tag)
            }
            count += 32
            now = apus_monotonic_ns()
        }
        return Double(now - start) / count
    }
}
