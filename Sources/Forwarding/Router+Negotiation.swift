import RTP
public import Wire

extension Router {
    /// Takes what offer and answer agreed on, the first time or again. Sections that stay keep their
    /// streams; packets that arrived before keep their meaning.
    ///
    /// Sections beyond ``Limits/publishersPerEndpoint`` and ``Limits/subscribersPerEndpoint`` are ignored.
    public mutating func negotiate(_ endpoint: EndpointIndex, media: [MediaSection], now: Instant) {
        guard isOpen(endpoint) else { return }
        self.now = now
        updatePublishers(of: endpoint.slot, media)
        updateSubscribers(of: endpoint.slot, media)
        updateTables(of: endpoint.slot)
        updateFeedback(of: endpoint.slot, media)
        armReports(endpoint.slot, now: now)
        for kind in MediaKind.allCases {
            link(endpoint.slot, kind, now: now)
            for sink in 0..<endpointBound where sink != endpoint.slot {
                if endpoints[sink].isOpen, endpoints[sink].isFed(by: endpoint.rawValue, kind) {
                    link(sink, kind, now: now)
                }
            }
        }
    }

    private mutating func updatePublishers(of endpoint: Int, _ media: [MediaSection]) {
        var before = endpoints[endpoint].publishers
        var after: [Int32] = []
        for section in media where after.count < Limits.publishersPerEndpoint {
            guard let parameters = section.receives, !parameters.codecs.isEmpty else { continue }
            let known = before.firstIndex { slot in
                publishers[Int(slot)].mid == section.mid && publishers[Int(slot)].kind == section.kind
            }
            if let known {
                let slot = before.remove(at: known)
                publishers[Int(slot)].update(parameters)
                updateStreams(ofPublisher: Int(slot))
                after.append(slot)
            } else {
                let publisher = Publisher(
                    endpoint: Int32(endpoint), mid: section.mid, kind: section.kind, parameters: parameters)
                guard let slot = publishers.insert(publisher) else { break }
                updateStreams(ofPublisher: slot)
                guard publishers[slot].streamCount > 0 else {
                    publishers.remove(slot)
                    break
                }
                after.append(Int32(slot))
            }
        }
        for slot in before { removePublisher(Int(slot)) }
        endpoints[endpoint].publishers = after
    }

    /// Gives the publisher a stream for each encoding; one that goes on keeps its stream.
    private mutating func updateStreams(ofPublisher slot: Int) {
        let encodings = Publisher.encodings(of: publishers[slot].parameters)
        var before = (0..<publishers[slot].streamCount).map { publishers[slot].streams[$0] }
        let isSingle = before.count == 1 && encodings.count == 1
        var after: [Int32] = []
        for encoding in encodings {
            let known = before.firstIndex { stream in
                let held = streams[Int(stream)].encoding
                return isSingle
                    || (encoding.rid != nil || encoding.ssrc != nil)
                        && held.rid == encoding.rid && (encoding.rid != nil || held.ssrc == encoding.ssrc)
            }
            if let known {
                let stream = before.remove(at: known)
                streams[Int(stream)].encoding = encoding
                after.append(stream)
            } else if let stream = streams.insert(IncomingStream(publisher: Int32(slot), encoding: encoding)) {
                after.append(Int32(stream))
            } else {
                break
            }
        }
        for stream in before { dropStream(stream, ofPublisher: slot) }
        let isChanged = after != (0..<publishers[slot].streamCount).map { publishers[slot].streams[$0] }
        guard isChanged else { return }
        publishers[slot].setStreams(after, encodings)
        reviewEncodings(ofPublisher: slot)
    }

    private mutating func dropStream(_ stream: Int32, ofPublisher slot: Int) {
        for index in publishers[slot].subscribers.indices {
            let subscriber = Int(publishers[slot].subscribers[index])
            if subscribers[subscriber].target == stream { setTarget(subscriber, -1) }
            if subscribers[subscriber].current == stream { forgetSource(ofSubscriber: subscriber) }
        }
        streams.remove(Int(stream))
    }

    private mutating func updateSubscribers(of endpoint: Int, _ media: [MediaSection]) {
        var before = endpoints[endpoint].subscribers
        var after: [Int32] = []
        var counts: [MediaKind: Int] = [:]
        for section in media where counts.values.reduce(0, +) < Limits.subscribersPerEndpoint {
            guard let parameters = section.sends, !parameters.codecs.isEmpty else { continue }
            let number = counts[section.kind, default: 0]
            counts[section.kind] = number + 1
            // Several encodings are several streams, each of them passed as it is.
            let encodings = min(parameters.encodings.count, Limits.encodingsPerSection)
            for pin in encodings > 1 ? Array(0..<encodings) : [-1] {
                let known = before.firstIndex { slot in
                    subscribers[Int(slot)].mid == section.mid && subscribers[Int(slot)].kind == section.kind
                        && subscribers[Int(slot)].pin == pin
                }
                if let known {
                    let slot = before.remove(at: known)
                    after.append(slot)
                    subscribers[Int(slot)].section = number
                    updateSubscriber(Int(slot), parameters)
                } else if let slot = makeSubscriber(endpoint, section, parameters, number: number, pin: pin) {
                    after.append(Int32(slot))
                }
            }
        }
        for slot in before { removeSubscriber(Int(slot)) }
        endpoints[endpoint].subscribers = after
    }

    private mutating func updateSubscriber(_ slot: Int, _ parameters: RTPParameters) {
        guard subscribers[slot].parameters != parameters else { return }
        subscribers[slot].update(parameters)
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return }
        seal(slot)
        guard let encoding = Subscriber.encoding(parameters, pin: subscribers[slot].pin) else { return }
        if let ssrc = encoding.ssrc { unsafe rewriter.pointee.ssrc = ssrc }
        if let rtxSSRC = encoding.rtxSSRC { unsafe rewriter.pointee.rtxSSRC = rtxSSRC }
    }

    private mutating func makeSubscriber(
        _ endpoint: Int, _ section: MediaSection, _ parameters: RTPParameters, number: Int, pin: Int
    ) -> Int? {
        let encoding = Subscriber.encoding(parameters, pin: pin)
        let ssrc = encoding?.ssrc ?? UInt32(truncatingIfNeeded: random.next())
        let rtxSSRC = encoding?.rtxSSRC ?? UInt32(truncatingIfNeeded: random.next())
        let fresh = HeaderRewriter(endpoint: Int32(endpoint), ssrc: ssrc, rtxSSRC: rtxSSRC, random: &random)
        guard let handle = inherit(endpoint: Int32(endpoint), ssrc: ssrc) ?? rewriters.insert(fresh) else { return nil }
        let subscriber = Subscriber(
            endpoint: Int32(endpoint), mid: section.mid, kind: section.kind, section: number, pin: pin,
            parameters: parameters, isRelay: section.isRelay, rewriter: handle)
        return subscribers.insert(subscriber)
    }

    /// A predecessor's record of the same stream, to be continued.
    private mutating func inherit(endpoint: Int32, ssrc: UInt32) -> SlabHandle? {
        for index in inherited.indices {
            guard let record = unsafe rewriters.pointer(to: inherited[index]) else { continue }
            guard unsafe record.pointee.endpoint == endpoint, unsafe record.pointee.ssrc == ssrc else { continue }
            let handle = inherited.remove(at: index)
            guard let rewriter = unsafe HeaderRewriter(continuing: record) else {
                rewriters.remove(handle)
                return nil
            }
            unsafe record.pointee = rewriter
            return handle
        }
        return nil
    }

    private mutating func updateTables(of endpoint: Int) {
        let slots = endpoints[endpoint].publishers
        var held: [Int32] = []
        for slot in slots {
            for index in 0..<publishers[Int(slot)].streamCount { held.append(publishers[Int(slot)].streams[index]) }
        }
        endpoints[endpoint].streams.prepareToAnnounce(keeping: held)
        for stream in held {
            let encoding = streams[Int(stream)].encoding
            if let ssrc = encoding.ssrc { endpoints[endpoint].streams.announce(ssrc, stream: stream, isRTX: false) }
            if let ssrc = encoding.rtxSSRC { endpoints[endpoint].streams.announce(ssrc, stream: stream, isRTX: true) }
        }
        var owners = Array(repeating: Endpoint.noOwner, count: 128)
        for slot in slots {
            for format in publishers[Int(slot)].formats {
                for type in [format.payloadType, format.rtxPayloadType] where type < 128 {
                    let owner = owners[Int(type)]
                    owners[Int(type)] = owner == Endpoint.noOwner || owner == slot ? slot : Endpoint.ambiguousOwner
                }
            }
        }
        endpoints[endpoint].payloadOwners = owners
    }

    private mutating func updateFeedback(of endpoint: Int, _ media: [MediaSection]) {
        var transportSequenceID: UInt8 = 0
        var takesREMB = false
        var takesPacketReports = false
        for slot in endpoints[endpoint].publishers {
            let parameters = publishers[Int(slot)].parameters
            let id = parameters.extensionID(HeaderExtensionURI.transportWideCC)
            if id != 0, parameters.codecs.contains(where: { $0.hasFeedback(PacketFeedback.transportWide) }) {
                transportSequenceID = id
            }
            takesPacketReports = takesPacketReports || publishers[Int(slot)].takesPacketReports
            takesREMB = takesREMB || parameters.codecs.contains { $0.hasFeedback("goog-remb") }
        }
        endpoints[endpoint].transportSequenceID = transportSequenceID
        endpoints[endpoint].wantsREMB = takesREMB && transportSequenceID == 0 && !takesPacketReports
        if transportSequenceID != 0, endpoints[endpoint].recorder == nil {
            endpoints[endpoint].recorder = TransportFeedbackRecorder()
        }
        if !takesPacketReports {
            endpoints[endpoint].streamRecorder = nil
        } else if endpoints[endpoint].streamRecorder == nil {
            endpoints[endpoint].streamRecorder = CongestionControlRecorder(
                streamCount: Limits.reportedStreams, window: Limits.reportedWindow)
        }
        updateSendSide(of: endpoint)
        if let named = media.first(where: { !($0.sends?.cname ?? "").isEmpty })?.sends {
            endpoints[endpoint].cname = named.cname
        }
    }

    /// The path to a peer is looked after when the peer says what becomes of its packets.
    private mutating func updateSendSide(of endpoint: Int) {
        var feedback: SendSide.Feedback?
        // One way for the whole path: two would tell of two clocks. Where sections differ, numbers go first, as in SDP.
        for slot in endpoints[endpoint].subscribers {
            if subscribers[Int(slot)].hasPacketReports { feedback = feedback ?? .congestionControl }
            if subscribers[Int(slot)].transportSequenceID != 0 { feedback = .transportWide }
        }
        let former = sendSides.contains(endpoint) ? sendSides[endpoint].feedback : nil
        guard feedback != former else { return }
        if former != nil { sendSides.remove(endpoint) }
        if let feedback {
            sendSides.put(SendSide(feedback: feedback, random: &random, now: now), at: endpoint)
            return
        }
        for slot in endpoints[endpoint].subscribers {
            subscribers[Int(slot)].allowance = LayerAllowance()
            retarget(Int(slot), now: now)
        }
    }
}
