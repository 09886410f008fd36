internal import COpenSSL
import Wire

/// What is said once the handshake is over: application data, and goodbyes.
extension Endpoint {
    /// Bytes that a record takes beside its data, with the cipher suites that browsers choose (RFC 5288 section 3).
    public static var recordOverhead: Int { RecordKeys.overhead }

    /// What the last datagram carried, record by record; nil when there is nothing left.
    public mutating func nextData() -> [UInt8]? { data.isEmpty ? nil : data.removeFirst() }

    /// Puts `bytes` into a record of its own; it waits in ``nextTransmit()``. Lost where nothing is agreed.
    public mutating func send(_ bytes: [UInt8]) {
        guard state == .connected else { return }
        if stub != nil { return port.outgoing.append(StubbedHandshake.record(of: bytes)) }
        guard records == nil else {
            if let record = records?.seal(.applicationData(bytes)) { port.outgoing.append(record) }
            return
        }
        port.beginCall()
        ERR_clear_error()
        takeBuffers()
        unsafe _ = SSL_write(ssl, bytes, CInt(bytes.count))
        releaseBuffers()
    }

    mutating func sayGoodbye() {
        if let goodbye = stub?.goodbye { return port.outgoing.append(goodbye) }
        guard records == nil else {
            if let goodbye = records?.seal(.closeNotify) { port.outgoing.append(goodbye) }
            return
        }
        port.beginCall()
        ERR_clear_error()
        takeBuffers()
        unsafe _ = SSL_shutdown(ssl)
    }

    /// An association that is up has next to nothing to say: OpenSSL gives its record buffers back (17 KiB for
    /// each peer) and takes new ones when a record comes. Before it writes of its own accord it does not: see
    /// ``takeBuffers()``.
    func releaseBuffers() { unsafe _ = SSL_free_buffers(ssl) }

    /// Record buffers for a write that no read precedes: OpenSSL's DTLS would write through a null pointer.
    private func takeBuffers() { unsafe _ = SSL_alloc_buffers(ssl) }

    /// Reads what is in the port of an association that is up. Unauthenticated records end in OpenSSL; a
    /// repeated Finished makes it repeat the last flight (RFC 6347 section 4.2.4).
    mutating func read() throws(DropReason) {
        // Of data whole records are wanted; without it there are alerts at most.
        var buffer = [UInt8](repeating: 0, count: carriesData ? Limits.receivedDatagramSize : 2048)
        var isRefused = false
        for _ in 0..<Limits.recordsPerDatagram {
            port.beginCall()
            ERR_clear_error()
            let result = unsafe SSL_read(ssl, &buffer, CInt(buffer.count))
            if result > 0 {
                if carriesData { data.append(Array(buffer.prefix(Int(result)))) } else { isRefused = true }
                continue
            }
            switch unsafe SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
            case SSL_ERROR_ZERO_RETURN:
                sayGoodbye()
                end(.closed)
                events.append(.closed)
            default: fail(.protocolError)
            }
            break
        }
        if state == .connected { releaseBuffers() }
        if isRefused { throw .applicationDataUnsupported }
    }

    /// The same without a session: only data, the peer's goodbye and its fatal alerts mean anything any more.
    mutating func readRetired(_ datagram: RawSpan) throws(DropReason) {
        var reason: DropReason?
        var offset = 0
        // The filter has checked that the records are whole, and counted them.
        while state == .connected, datagram.byteCount - offset >= RecordKeys.headerSize {
            let end = offset + RecordKeys.headerSize + Int(datagram.uint16(at: offset + 11))
            guard end <= datagram.byteCount else { break }
            do throws(DropReason) {
                switch try records?.open(datagram.extracting(offset..<end)) {
                case .closeNotify:
                    sayGoodbye()
                    self.end(.closed)
                    events.append(.closed)
                case .fatalAlert: fail(.protocolError)
                case .applicationData(let bytes):
                    if carriesData { data.append(bytes) } else { reason = .applicationDataUnsupported }
                case .other, nil: reason = .dtlsUnexpected
                }
            } catch {
                reason = error
            }
            offset = end
        }
        if let reason, state == .connected { throw reason }
    }
}
