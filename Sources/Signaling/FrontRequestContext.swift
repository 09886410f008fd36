import Hummingbird
import NIOCore

/// A request's context: also who sent it.
struct FrontRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let remoteAddress: SocketAddress?
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        remoteAddress = source.channel.remoteAddress
    }
}

extension SocketAddress {
    /// Of this machine: 127.0.0.0/8 or ::1, IPv4 also through a dual-stack listener (RFC 4291 section 2.5.5.2).
    var isLoopback: Bool {
        guard let text = ipAddress else { return false }
        return text == "::1" || (text.hasPrefix("::ffff:") ? text.dropFirst(7) : text[...]).hasPrefix("127.")
    }
}
