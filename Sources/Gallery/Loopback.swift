import Kurento
import Session

/// What the page sends comes back to it: hello-world as it is; other applications put an element in between.
actor Loopback: Conversation {
    /// What is between a page's camera and its picture.
    struct Plan: Sendable {
        /// Type of the element; nil for none.
        var element: String?
        var usesDataChannels = false
        /// What the page is told of the element.
        var report: Report?
    }

    /// An event of the element, and the message that it becomes.
    struct Report: Sendable {
        var event: String
        var message: String
        var members: [String]
    }

    private let visitor: Visitor
    private let plan: Plan
    private let call: CallSession
    private let gate = SerialGate()
    private var pipeline: String?

    init(_ visitor: Visitor, _ plan: Plan = Plan()) {
        self.visitor = visitor
        self.plan = plan
        call = CallSession(visitor)
    }

    func take(_ message: Message) async throws(GalleryError) {
        switch message.id {
        case "start": try await start(message.offer)
        case "stop": await leave()
        case "onIceCandidate": try await call.add(message.candidate)
        default: throw .unknown(message)
        }
    }

    private func start(_ offer: String) async throws(GalleryError) {
        await gate.enter()
        defer { gate.leave() }
        await release()
        do throws(GalleryError) {
            try await connect(offer)
        } catch {
            await release()
            throw error
        }
    }

    private func connect(_ offer: String) async throws(GalleryError) {
        let kurento = visitor.kurento
        let pipeline = try await kurento.create("MediaPipeline")
        self.pipeline = pipeline
        let endpoint = try await call.open(in: pipeline, usesDataChannels: plan.usesDataChannels) { [weak self] in
            await self?.fail(GalleryError($0), in: pipeline)
        }
        var source = endpoint
        if let type = plan.element {
            source = try await kurento.create(type, ["mediaPipeline": .string(pipeline)])
            try await kurento.connect(endpoint, to: source)
            try await tell(of: source)
        }
        try await kurento.connect(source, to: endpoint)
        visitor.send("startResponse", ["sdpAnswer": try await call.answer(offer)])
        try await call.gather()
    }

    private func tell(of element: String) async throws(GalleryError) {
        guard let report = plan.report else { return }
        try await visitor.kurento.listen(to: report.event, of: element) { [visitor] event in
            var members: [String: JSONValue] = [:]
            for name in report.members { members[name] = event[name] }
            visitor.send(report.message, members)
        }
    }

    private func fail(_ error: GalleryError, in failed: String) async {
        await gate.enter()
        defer { gate.leave() }
        guard pipeline == failed else { return }
        await release()
        visitor.send(error)
    }

    func leave() async {
        await gate.enter()
        defer { gate.leave() }
        await release()
    }

    private func release() async {
        await call.close()
        guard let closing = pipeline else { return }
        pipeline = nil
        await visitor.kurento.release(closing)
    }
}

extension Loopback.Plan {
    /// Bar codes and QR codes that the camera sees are told.
    static let codes = Loopback.Plan(
        element: "ZBarFilter",
        report: Loopback.Report(event: "CodeFound", message: "codeFound", members: ["codeType", "value"]))

    /// What the page sends over its data channel is written on its picture.
    static let showData = Loopback.Plan(element: "datachannelexample.KmsShowData", usesDataChannels: true)
}
