/// A data channel that a controller asks for, as `RTCDataChannelInit` has it.
public struct DataChannelSpecification: Hashable, Sendable, Codable {
    /// Tells a repeated request from another; unique at the endpoint. The peer does not see it.
    public var name: String
    public var label: String
    public var protocolName: String
    public var isOrdered: Bool
    /// Milliseconds; nil for no limit. At most one of the two is set.
    public var maxPacketLifeTime: Int?
    public var maxRetransmits: Int?

    public init(
        name: String, label: String, protocolName: String = "", isOrdered: Bool = true, maxPacketLifeTime: Int? = nil,
        maxRetransmits: Int? = nil
    ) {
        self.name = name
        self.label = label
        self.protocolName = protocolName
        self.isOrdered = isOrdered
        self.maxPacketLifeTime = maxPacketLifeTime
        self.maxRetransmits = maxRetransmits
    }
}

/// One data channel in use, and what went over it (`RTCDataChannelStats`).
public struct DataChannelStatistics: Hashable, Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable { case connecting, open, closing }

    public var id: Int
    public var label: String
    public var protocolName: String
    public var state: State
    public var messagesSent: UInt64 = 0
    public var bytesSent: UInt64 = 0
    public var messagesReceived: UInt64 = 0
    public var bytesReceived: UInt64 = 0

    public init(id: Int, label: String, protocolName: String, state: State) {
        self.id = id
        self.label = label
        self.protocolName = protocolName
        self.state = state
    }
}
