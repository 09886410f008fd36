import Kurento
import Session

/// one2many-call: one presenter, whom all viewers see and hear.
actor OneToMany: SharedApplication {
    private struct Presentation {
        let presenter: Guest
        let pipeline: String
        let endpoint: String
    }

    /// One who comes or goes is let through at a time, so that nobody views what has just ended.
    private let gate = SerialGate()
    private var presentation: Presentation?
    private var viewers: [UInt64: Guest] = [:]

    func take(_ message: Message, from guest: Guest) async throws(GalleryError) {
        guard message.id != "onIceCandidate" else { return try await guest.call.add(message.candidate) }
        let reply = message.id + "Response"
        await gate.enter()
        defer { gate.leave() }
        do throws(GalleryError) {
            switch message.id {
            case "presenter": try await present(message.offer, by: guest)
            case "viewer": try await show(message.offer, to: guest)
            case "stop": await remove(guest)
            default: throw GalleryError.unknown(message)
            }
        } catch {
            guard message.id == "presenter" || message.id == "viewer" else { throw error }
            guest.visitor.send(reply, ["response": "rejected", "message": .string(error.message)])
        }
    }

    private func present(_ offer: String, by guest: Guest) async throws(GalleryError) {
        guard presentation == nil else { throw GalleryError("Somebody is presenting already; try again later") }
        await remove(guest)
        do throws(GalleryError) {
            let pipeline = try await guest.visitor.kurento.create("MediaPipeline")
            let endpoint: String
            do throws(GalleryError) {
                endpoint = try await guest.call.open(in: pipeline) { [weak self] _ in await self?.lose(pipeline) }
            } catch {
                await guest.visitor.kurento.release(pipeline)
                throw error
            }
            presentation = Presentation(presenter: guest, pipeline: pipeline, endpoint: endpoint)
            let answer = try await guest.call.answer(offer)
            guest.visitor.send("presenterResponse", ["response": "accepted", "sdpAnswer": answer])
            try await guest.call.gather()
        } catch {
            await remove(guest)
            throw error
        }
    }

    private func show(_ offer: String, to guest: Guest) async throws(GalleryError) {
        guard let presentation else { throw GalleryError("Nobody is presenting; try again later") }
        guard presentation.presenter !== guest else { throw GalleryError("You are presenting yourself") }
        guard viewers.count < Limits.viewers || viewers[guest.visitor.id] != nil else {
            throw GalleryError("There are \(Limits.viewers) viewers already")
        }
        viewers[guest.visitor.id] = guest
        do throws(GalleryError) {
            let endpoint = try await guest.call.open(in: presentation.pipeline)
            try await guest.visitor.kurento.connect(presentation.endpoint, to: endpoint)
            let answer = try await guest.call.answer(offer)
            guest.visitor.send("viewerResponse", ["response": "accepted", "sdpAnswer": answer])
            try await guest.call.gather()
        } catch {
            await remove(guest)
            throw error
        }
    }

    /// The pipeline's worker is gone.
    private func lose(_ pipeline: String) async {
        await gate.enter()
        defer { gate.leave() }
        guard let lost = presentation, lost.pipeline == pipeline else { return }
        await remove(lost.presenter)
        lost.presenter.visitor.send("stopCommunication")
    }

    func leave(_ guest: Guest) async {
        await gate.enter()
        defer { gate.leave() }
        await remove(guest)
    }

    private func remove(_ guest: Guest) async {
        viewers[guest.visitor.id] = nil
        await guest.call.close()
        guard let ended = presentation, ended.presenter === guest else { return }
        presentation = nil
        let audience = viewers.values
        viewers = [:]
        await guest.visitor.kurento.release(ended.pipeline)
        for viewer in audience {
            viewer.visitor.send("stopCommunication")
            await viewer.call.close()
        }
    }
}
