import Kurento
import Session

/// one2one-call and one2one-call-recording: people register by name and call each other.
actor OneToOne: SharedApplication {
    /// Whoever has registered.
    private final class Person {
        let name: String
        let guest: Guest
        var line = Line.free
        /// What was recorded of this person last.
        var recording: Shelf.Place?
        /// What records this person now, and what ends that in time.
        var recorder: String?
        var limit: Task<Void, Never>?
        /// What this person is being played is in it.
        var playback: String?
        /// Counts what was begun, so that late events are known to be of something else.
        var round = 0

        init(name: String, guest: Guest) {
            self.name = name
            self.guest = guest
        }

        var kurento: KurentoClient { guest.visitor.kurento }
    }

    /// What a person's line does.
    private enum Line {
        case free
        case calling(Person, offer: String, patience: Task<Void, Never>?)
        case ringing(from: Person)
        case talking(to: Person, pipeline: String)
    }

    private let shelf: Shelf?
    private let longest: Duration
    private let ringingTime: Duration
    private let gate = SerialGate()
    private var people: [String: Person] = [:]
    private var names: [UInt64: String] = [:]

    /// - Parameters:
    ///   - shelf: where calls are recorded; nil records none.
    ///   - longest: a recording ends by itself after this time; the call goes on.
    ///   - ringingTime: how long somebody may be called without an answer.
    init(
        recordingOn shelf: Shelf? = nil, longest: Duration = Limits.recordingTime,
        ringingTime: Duration = Limits.ringingTime
    ) {
        self.shelf = shelf
        self.longest = longest
        self.ringingTime = ringingTime
    }

    func take(_ message: Message, from guest: Guest) async throws(GalleryError) {
        guard message.id != "onIceCandidate" else { return try await guest.call.add(message.candidate) }
        await gate.enter()
        defer { gate.leave() }
        switch message.id {
        case "register": register(message, guest)
        case "call": try call(message, from: try person(guest))
        case "incomingCallResponse": try await answer(message, by: try person(guest))
        case "stop": await hangUp(try person(guest))
        case "play": await play(message, for: try person(guest))
        case "stopPlay": await stopPlaying(try person(guest))
        default: throw .unknown(message)
        }
    }

    private func person(_ guest: Guest) throws(GalleryError) -> Person {
        guard let name = names[guest.visitor.id], let person = people[name] else {
            throw GalleryError("Register with a name first")
        }
        return person
    }

    private func register(_ message: Message, _ guest: Guest) {
        do throws(GalleryError) {
            let name = try message.name("name")
            guard names[guest.visitor.id] == nil else { throw GalleryError("You are registered already") }
            guard people[name] == nil else { throw GalleryError("The name \(name) is taken") }
            people[name] = Person(name: name, guest: guest)
            names[guest.visitor.id] = name
            guest.visitor.send("registerResponse", ["response": "accepted"])
        } catch {
            guest.visitor.send("registerResponse", ["response": "rejected", "message": .string(error.message)])
        }
    }

    // MARK: A call

    private func call(_ message: Message, from caller: Person) throws(GalleryError) {
        let offer = try message.offer
        do throws(GalleryError) {
            let name = try message.name("to")
            guard case .free = caller.line, caller.playback == nil else { throw GalleryError("You are busy yourself") }
            guard let callee = people[name] else { throw GalleryError("Nobody is registered as \(name)") }
            guard callee !== caller else { throw GalleryError("This is your own name") }
            guard case .free = callee.line, callee.playback == nil else { throw GalleryError("\(name) is busy") }
            let patience = Task { [weak self, ringingTime, guest = caller.guest] in
                guard (try? await Task.sleep(for: ringingTime)) != nil else { return }
                await self?.giveUp(guest, on: name)
            }
            caller.line = .calling(callee, offer: offer, patience: patience)
            callee.line = .ringing(from: caller)
            callee.guest.visitor.send("incomingCall", ["from": .string(caller.name)])
        } catch {
            reject(caller, error)
        }
    }

    private func reject(_ caller: Person, _ error: GalleryError) {
        caller.guest.visitor.send("callResponse", ["response": "rejected", "message": .string(error.message)])
    }

    private func giveUp(_ guest: Guest, on name: String) async {
        await gate.enter()
        defer { gate.leave() }
        guard !Task.isCancelled, let caller = try? person(guest), case .calling(let callee, let offer, _) = caller.line
        else { return }
        // This task is the patience: what follows must not run cancelled.
        caller.line = .calling(callee, offer: offer, patience: nil)
        await end(caller)
        await end(callee)
        callee.guest.visitor.send("stopCommunication")
        reject(caller, GalleryError("\(name) does not answer"))
    }

    private func answer(_ message: Message, by callee: Person) async throws(GalleryError) {
        guard case .ringing(let caller) = callee.line, case .calling(_, let offer, let patience) = caller.line else {
            throw GalleryError("Nobody is calling you")
        }
        patience?.cancel()
        guard message.optionalString("callResponse") == "accept" else {
            await end(caller)
            await end(callee)
            return reject(caller, GalleryError(message.optionalString("message") ?? "\(callee.name) declined"))
        }
        do throws(GalleryError) {
            try await connect(caller, offer, callee, try message.offer)
        } catch {
            reject(caller, error)
            callee.guest.visitor.send("stopCommunication")
            await end(caller)
            await end(callee)
        }
    }

    private func connect(
        _ caller: Person, _ callersOffer: String, _ callee: Person, _ calleesOffer: String
    ) async throws(GalleryError) {
        let pipeline = try await caller.kurento.create("MediaPipeline")
        caller.line = .talking(to: callee, pipeline: pipeline)
        callee.line = .talking(to: caller, pipeline: pipeline)
        let callersEndpoint = try await open(caller, in: pipeline)
        let calleesEndpoint = try await open(callee, in: pipeline)
        try await caller.kurento.connect(callersEndpoint, to: calleesEndpoint)
        try await caller.kurento.connect(calleesEndpoint, to: callersEndpoint)
        if let shelf {
            try await record(caller, callersEndpoint, in: pipeline, on: shelf)
            try await record(callee, calleesEndpoint, in: pipeline, on: shelf)
        }
        let calleesAnswer = try await callee.guest.call.answer(calleesOffer)
        callee.guest.visitor.send("startCommunication", ["sdpAnswer": calleesAnswer])
        try await callee.guest.call.gather()
        let callersAnswer = try await caller.guest.call.answer(callersOffer)
        caller.guest.visitor.send("callResponse", ["response": "accepted", "sdpAnswer": callersAnswer])
        try await caller.guest.call.gather()
    }

    private func open(_ person: Person, in pipeline: String) async throws(GalleryError) -> String {
        try await person.guest.call.open(in: pipeline) { [weak self, guest = person.guest] _ in
            await self?.fail(guest, in: pipeline)
        }
    }

    private func record(
        _ person: Person, _ endpoint: String, in pipeline: String, on shelf: Shelf
    ) async throws(GalleryError) {
        person.recording = nil
        let place = try shelf.take()
        person.recording = place
        let recorder = try await person.kurento.create(
            "RecorderEndpoint", ["mediaPipeline": .string(pipeline), "uri": .string(place.uri)])
        try await person.kurento.connect(endpoint, to: recorder)
        try await person.kurento.invoke("record", of: recorder)
        person.recorder = recorder
        person.limit = Task { [weak self, longest, guest = person.guest] in
            guard (try? await Task.sleep(for: longest)) != nil else { return }
            await self?.endRecording(of: guest, by: recorder)
        }
    }

    private func endRecording(of guest: Guest, by recorder: String) async {
        await gate.enter()
        defer { gate.leave() }
        guard let person = try? person(guest), person.recorder == recorder else { return }
        person.recorder = nil
        _ = try? await person.kurento.invoke("stopAndWait", of: recorder)
    }

    /// The pipeline's worker is gone.
    private func fail(_ guest: Guest, in failed: String) async {
        await gate.enter()
        defer { gate.leave() }
        guard let person = try? person(guest), case .talking(let other, let pipeline) = person.line,
            pipeline == failed
        else { return }
        await end(person)
        await end(other)
        for one in [person, other] { one.guest.visitor.send("stopCommunication") }
    }

    // MARK: The end

    private func hangUp(_ person: Person) async {
        switch person.line {
        case .free: return
        case .calling(let other, _, _):
            other.guest.visitor.send("stopCommunication")
            await end(other)
        case .ringing(let caller):
            await end(caller)
            reject(caller, GalleryError("\(person.name) declined"))
        case .talking(let other, _):
            other.guest.visitor.send("stopCommunication")
            await end(other)
        }
        await end(person)
    }

    /// The line is free, and nothing of the call is left. A recording is whole then.
    private func end(_ person: Person) async {
        let line = person.line
        person.line = .free
        person.recorder = nil
        person.limit?.cancel()
        person.limit = nil
        await person.guest.call.abandon()
        switch line {
        case .free, .ringing: break
        case .calling(_, _, let patience): patience?.cancel()
        case .talking(_, let pipeline): await person.kurento.release(pipeline)
        }
    }

    func leave(_ guest: Guest) async {
        await gate.enter()
        defer { gate.leave() }
        if let name = names.removeValue(forKey: guest.visitor.id), let person = people.removeValue(forKey: name) {
            await hangUp(person)
            await stopPlaying(person)
        }
        await guest.call.close()
    }

    // MARK: Playing what was recorded

    private func play(_ message: Message, for person: Person) async {
        do throws(GalleryError) {
            let offer = try message.offer
            let uri = try recording(of: try message.name("user"))
            guard case .free = person.line else { throw GalleryError("Hang up before you play a call") }
            await stopPlaying(person)
            try await play(uri, offer, for: person)
        } catch {
            await stopPlaying(person)
            person.guest.visitor.send("playResponse", ["response": "rejected", "error": .string(error.message)])
        }
    }

    private func recording(of name: String) throws(GalleryError) -> String {
        guard shelf != nil else { throw GalleryError("Calls are not recorded here; connect to /onetoonerecording") }
        guard let person = people[name], let place = person.recording else {
            throw GalleryError("There is no recording of \(name)")
        }
        guard person.recorder == nil else { throw GalleryError("\(name) is being recorded") }
        return place.uri
    }

    private func play(_ uri: String, _ offer: String, for person: Person) async throws(GalleryError) {
        let pipeline = try await person.kurento.create("MediaPipeline")
        person.playback = pipeline
        let (guest, round) = (person.guest, person.round)
        _ = try await Playback.open(
            uri, for: guest.visitor, over: guest.call, in: pipeline,
            ended: { [weak self] in await self?.endPlaying(guest, round, $0) })
        let answer = try await guest.call.answer(offer)
        guest.visitor.send("playResponse", ["response": "accepted", "sdpAnswer": answer])
        try await guest.call.gather()
    }

    private func endPlaying(_ guest: Guest, _ round: Int, _ error: GalleryError?) async {
        await gate.enter()
        defer { gate.leave() }
        guard let person = try? person(guest), person.round == round else { return }
        await stopPlaying(person)
        if let error { guest.visitor.send(error) }
        guest.visitor.send("playEnd")
    }

    private func stopPlaying(_ person: Person) async {
        person.round += 1
        guard let pipeline = person.playback else { return }
        person.playback = nil
        await person.guest.call.close()
        await person.kurento.release(pipeline)
    }
}
