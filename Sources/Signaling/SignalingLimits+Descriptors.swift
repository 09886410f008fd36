import Glibc

extension SignalingLimits {
    /// Descriptors left to the rest of the process: log, store, media sockets, files.
    static let reservedDescriptors = 128

    /// With no more connections than the process may open descriptors: beyond that accepting fails, and
    /// the event loop would spin on it.
    func fitted(toDescriptors descriptors: Int = Self.descriptorLimit()) -> SignalingLimits {
        var limits = self
        limits.connections = min(connections, max(descriptors - Self.reservedDescriptors, 16))
        return limits
    }

    private static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
