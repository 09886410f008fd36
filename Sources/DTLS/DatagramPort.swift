internal import COpenSSL

/// What stands where OpenSSL expects a socket: one datagram in at a time, datagrams out in a list.
///
/// It also takes OpenSSL's retransmission timer out of real time. That timer reads the host's clock, which a
/// core must not; but its length is ours to say. So a flight's timer is made to have run out as often as
/// ``Limits/retransmissions`` allows, at once: OpenSSL then writes the flight that many times over, each copy
/// with record numbers of its own, as a retransmission must have. The copies are kept here and go out when the
/// caller's clock says so, or are thrown away when the peer has answered.
@safe final class DatagramPort {
    /// Read once by OpenSSL.
    var incoming: [UInt8] = []
    /// To be sent now.
    var outgoing: [[UInt8]] = []
    /// Copies of the latest flight, by retransmission.
    private(set) var copies: [[[UInt8]]] = []
    /// Counts flights that have a timer.
    private(set) var flight = 0
    /// Writes go to ``outgoing``, or to the last of ``copies``.
    private var isCopying = false

    /// Gets the association's secrets; nil in production.
    var keyLog: (@Sendable (String) -> Void)?

    /// Datagrams of ``outgoing`` that are complete: those that earlier calls wrote.
    private var sealedCount = 0

    /// To be called before every call of OpenSSL that may write.
    func beginCall() {
        isCopying = false
        sealedCount = outgoing.count
    }

    func discardCopies() { copies = [] }

    /// OpenSSL writes each message of a repeated flight by itself. Put together again, fewer datagrams can get
    /// lost (RFC 6347 section 4.1.1 allows several records in one).
    fileprivate func append(_ records: [UInt8]) {
        if isCopying, !copies.isEmpty {
            Self.append(records, to: &copies[copies.count - 1], from: 0)
        } else {
            Self.append(records, to: &outgoing, from: sealedCount)
        }
    }

    private static func append(_ records: [UInt8], to datagrams: inout [[UInt8]], from first: Int) {
        if datagrams.count > first, let last = datagrams.last, last.count + records.count <= Limits.datagramSize {
            datagrams[datagrams.count - 1] += records
        } else if datagrams.count < Limits.queuedDatagrams {
            datagrams.append(records)
        }
    }

    /// OpenSSL asks how long the timer shall run, in microseconds; 0 of `previous` means that it starts.
    fileprivate func timerLength(previous: CUnsignedInt) -> CUnsignedInt {
        if previous == 0 {
            flight &+= 1
            copies = []
            isCopying = false
        } else {
            copies.append([])
            isCopying = true
        }
        // Below 15 ms OpenSSL takes a timer as run out. The long one, 71 minutes, outlives any handshake.
        return copies.count < Limits.retransmissions ? 1 : .max
    }

    // MARK: OpenSSL's side

    /// BIO_TYPE_SOURCE_SINK with a number above OpenSSL's own.
    private static let type: CInt = 0x0400 | 0x7F

    @unsafe static func makeMethod() -> OpaquePointer? {
        guard let method = unsafe BIO_meth_new(type, "datagram port") else { return nil }
        unsafe BIO_meth_set_read(method, portRead)
        unsafe BIO_meth_set_write(method, portWrite)
        unsafe BIO_meth_set_ctrl(method, portControl)
        unsafe BIO_meth_set_create(method, portCreate)
        return unsafe method
    }

    /// Gives `ssl` this port for reading and writing. The port must outlive it.
    @unsafe func attach(to ssl: OpaquePointer, method: OpaquePointer) -> Bool {
        guard let bio = unsafe BIO_new(method) else { return false }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe DTLS_set_timer_cb(ssl, portTimer)
        return true
    }

    /// Has the sessions of a context tell their secrets to their ports' ``keyLog``.
    @unsafe static func logKeys(of context: OpaquePointer) { unsafe SSL_CTX_set_keylog_callback(context, portKeyLog) }

    fileprivate static func of(_ bio: OpaquePointer?) -> DatagramPort? {
        guard let data = unsafe BIO_get_data(bio) else { return nil }
        return unsafe Unmanaged<DatagramPort>.fromOpaque(data).takeUnretainedValue()
    }
}

private func portCreate(_ bio: OpaquePointer?) -> CInt {
    unsafe BIO_set_init(bio, 1)
    return 1
}

private func portRead(_ bio: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: CInt) -> CInt {
    unsafe apus_dtls_clear_retry(bio)
    guard let port = unsafe DatagramPort.of(bio), let buffer = unsafe buffer, !port.incoming.isEmpty else {
        unsafe apus_dtls_retry_read(bio)
        return -1
    }
    let count = min(port.incoming.count, Int(capacity))
    unsafe port.incoming.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        unsafe UnsafeMutableRawPointer(buffer).copyMemory(from: base, byteCount: count)
    }
    port.incoming = []
    return CInt(count)
}

private func portWrite(_ bio: OpaquePointer?, _ buffer: UnsafePointer<CChar>?, _ count: CInt) -> CInt {
    unsafe apus_dtls_clear_retry(bio)
    guard let port = unsafe DatagramPort.of(bio), let buffer = unsafe buffer, count > 0 else { return -1 }
    unsafe port.append(Array(UnsafeRawBufferPointer(start: buffer, count: Int(count))))
    return count
}

private func portControl(_ bio: OpaquePointer?, _ command: CInt, _ number: CLong, _ pointer: UnsafeMutableRawPointer?)
    -> CLong
{
    command == BIO_CTRL_FLUSH ? 1 : 0
}

private func portTimer(_ ssl: OpaquePointer?, _ previous: CUnsignedInt) -> CUnsignedInt {
    unsafe DatagramPort.of(SSL_get_rbio(ssl))?.timerLength(previous: previous) ?? .max
}

private func portKeyLog(_ ssl: OpaquePointer?, _ line: UnsafePointer<CChar>?) {
    guard let line = unsafe line else { return }
    unsafe DatagramPort.of(SSL_get_rbio(ssl))?.keyLog?(String(cString: line))
}
