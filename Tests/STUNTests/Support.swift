import STUN
import Wire

/// Bytes from hex text; white space is skipped.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    precondition(digits.count % 2 == 0)
    var bytes: [UInt8] = []
    var index = digits.startIndex
    while index < digits.endIndex {
        let next = digits.index(index, offsetBy: 2)
        bytes.append(UInt8(digits[index..<next], radix: 16)!)
        index = next
    }
    return bytes
}

/// What a test wants to know of a message, copied out of the borrowed view.
struct Parsed: Equatable {
    var type: MessageType
    var transactionID: TransactionID
    var username: String?
    var software: String?
    var realm: String?
    var nonce: String?
    var priority: UInt32?
    var controlled: UInt64?
    var controlling: UInt64?
    var useCandidate: Bool
    var mapped: SocketAddress?
    var errorCode: ErrorCode?
    var unknown: [UInt16]
    var refused: [UInt16]
    var fingerprint: Bool
}

func parse(_ bytes: [UInt8]) throws(ParseError) -> Parsed {
    let message = try Message(parsing: bytes.span.bytes)
    return Parsed(
        type: message.type, transactionID: message.transactionID, username: message.username,
        software: message.software, realm: message.realm, nonce: message.nonce, priority: message.priority,
        controlled: message.controlledTieBreaker, controlling: message.controllingTieBreaker,
        useCandidate: message.useCandidate, mapped: message.xorMappedAddress ?? message.mappedAddress,
        errorCode: message.errorCode, unknown: message.unknownAttributes, refused: message.refusedAttributes,
        fingerprint: message.verifyFingerprint())
}

func verifies(_ bytes: [UInt8], _ key: [UInt8]) -> Bool {
    guard let message = try? Message(parsing: bytes.span.bytes) else { return false }
    return message.verifyIntegrity(key: key)
}

func ufrag(_ bytes: [UInt8]) -> UfragKey? { Message.localUfrag(ofRequest: bytes.span.bytes) }

func address(_ ip: String, _ port: UInt16) -> SocketAddress { SocketAddress(ip: IPAddress(ip)!, port: port) }

let id = TransactionID(high: 0x0102_0304, low: 0x0506_0708_090A_0B0C)
let password = Array("VOkJxbRl1RmTxUk/WvJxBt".utf8)

/// A request as a browser sends it.
func check(_ change: (inout MessageBuilder) -> Void = { _ in }) -> [UInt8] {
    var builder = MessageBuilder(MessageType(.request), transactionID: id)
    builder.addUsername("server:client")
    builder.add(.iceControlling, UInt64(7))
    builder.add(.useCandidate)
    builder.add(.priority, UInt32(0x6E00_01FF))
    change(&builder)
    return builder.finish(key: password)
}
