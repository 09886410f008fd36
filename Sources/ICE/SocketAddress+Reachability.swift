import Wire

extension SocketAddress {
    /// Whether a check may ever be sent here, whoever asks: a server must not be made to talk to
    /// groups, to nobody, or to the metadata service of the cloud it runs in.
    var mayBeSentTo: Bool {
        guard port != 0, !ip.isUnspecified, !ip.isMulticast, !ip.isBroadcast else { return false }
        guard ip.isIPv4 else {
            // fd00:ec2::254, the metadata service of AWS.
            return !(ip.high == 0xFD00_0EC2_0000_0000 && ip.low == 0x254)
        }
        // 0.0.0.0/8 is this host (RFC 1122), 240.0.0.0/4 nobody; then metadata services.
        return ip.low >> 24 != 0 && ip.low >> 28 != 0xF && ip.low != 0xA9FE_A9FE && ip.low != 0x6464_64C8
    }

    /// Whether a signalled candidate here can pair with the local one. Loopback meets loopback only,
    /// and IPv6 link-local needs a zone that candidates do not carry.
    func canPair(with local: SocketAddress) -> Bool {
        ip.isIPv4 == local.ip.isIPv4 && ip.isLoopback == local.ip.isLoopback
            && (ip.isIPv4 || ip.isLinkLocal == local.ip.isLinkLocal)
    }
}
