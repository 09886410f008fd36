import Logging
import RTP
import Session

// Going on with what another process began.
extension MediaServer {
    /// Takes over a client session that this process does not know, with all that it references and whoever else
    /// references that. Returns without one when nobody knows it.
    func restore(_ session: String) async throws(KurentoError) {
        guard let memory else { return }
        do throws(Refusal) {
            // A controller that is slow to give it up holds up nobody else.
            let record = Notebook.record(ofSession: session)
            guard let texts = try await memory.claim(record, isPatient: true) else { return }
            await notebook.restoration.enter()
            defer { notebook.restoration.leave() }
            guard !sessions.contains(session) else { return }
            try await restore(session, texts, from: memory)
        } catch {
            guard error.reason == .elsewhere else { throw KurentoError(error) }
            throw KurentoError(
                .unexpectedError, "This session is at another controller: \(error.message); connect there")
        }
    }

    private func restore(
        _ session: String, _ texts: [String: String], from memory: any SignalingMemory
    ) async throws(Refusal) {
        var (claimed, pipelines): (Set<String>, Set<SessionID>) = ([session], [])
        var waiting: [(session: String, texts: [String: String])] = [(session, texts)]
        var restored: [(pipeline: Pipeline, records: [ObjectRecord])] = []
        while !waiting.isEmpty {
            let (client, texts) = waiting.removeFirst()
            let record = SessionRecordTexts(texts)
            let name = Notebook.record(ofSession: client)
            notebook.written[name] = texts.mapValues(\.hashValue)
            take(record, of: client)
            for id in record.pipelines.map({ SessionID($0) }) {
                guard objects.pipeline(of: id) == nil, pipelines.insert(id).inserted else { continue }
                let found: (Pipeline, [ObjectRecord])?
                do throws(Refusal) {
                    found = try await restorePipeline(id, from: memory)
                } catch {
                    // Another client's further pipelines are its own affair.
                    guard client == session else { continue }
                    abandon(restored.map(\.pipeline), claimed)
                    throw error
                }
                guard let found else { continue }
                restored.append(found)
                for other in Set(found.1.flatMap(\.sessions)).sorted() where claimed.insert(other).inserted {
                    guard let texts = try? await memory.claim(Notebook.record(ofSession: other), isPatient: false)
                    else { continue }
                    waiting.append((other, texts))
                }
            }
        }
        for (pipeline, _) in restored {
            if let refusal = pipeline.loss {
                pipeline.loss = nil
                take(SessionEvent(session: pipeline.session, body: .sessionLost(refusal)))
            } else {
                await plane.subscribe(to: pipeline.session) { [weak self] event in await self?.take(event) }
            }
        }
        logger.info(
            "a client session was taken over",
            metadata: ["event": "client_adopted", "pipelines": "\(restored.count)", "sessions": "\(claimed.count)"])
    }

    private func abandon(_ pipelines: [Pipeline], _ claimed: Set<String>) {
        for pipeline in pipelines { drop(pipeline.session) }
        for session in claimed {
            sessions.remove(session)
            notebook.written[Notebook.record(ofSession: session)] = nil
            notebook.waitingEvents[session] = nil
        }
    }

    private func take(_ record: SessionRecordTexts, of session: String) {
        notebook.waitingEvents[session] = record.events + (notebook.waitingEvents[session] ?? [])
        guard record.hasManager, let manager = objects[MediaObject.serverManagerID] else { return }
        reference(manager, for: session)
        for subscription in record.subscriptions {
            sessions.add(
                subscription[0], SessionTable.Subscription(object: manager.id, event: subscription[1]), to: session)
            manager.addSubscription(subscription[0], to: subscription[1], of: session)
        }
    }

    /// Nil for one that is gone. Its events are not taken before ``Pipeline`` is subscribed to.
    private func restorePipeline(
        _ id: SessionID, from memory: any SignalingMemory
    ) async throws(Refusal) -> (Pipeline, [ObjectRecord])? {
        let name = Notebook.record(of: id)
        guard let texts = try await memory.claim(name, isPatient: true) else { return nil }
        let records = texts.filter { $0.key.hasPrefix("object:") }.values
            .compactMap { RecordText.decode(ObjectRecord.self, $0) }
            .sorted { ($0.depth, $0.order, $0.id) < ($1.depth, $1.order, $1.id) }
        guard let root = records.first, root.parent == nil else { return nil }
        let pipeline = Pipeline(session: id)
        pipeline.position = texts["at"]
        var loss = root.loss
        if loss == nil {
            do throws(Refusal) {
                try await plane.adopt(id, after: pipeline.position)
            } catch {
                guard error.reason == .notFound else { throw error }
                loss = Refusal(.workerLost, "its media was given up meanwhile")
            }
        }
        build(pipeline, records)
        notebook.written[name] = texts.mapValues(\.hashValue)
        pipeline.loss = loss
        return (pipeline, records)
    }

    private func build(_ pipeline: Pipeline, _ records: [ObjectRecord]) {
        for record in records {
            let parent = record.parent.flatMap { objects[$0] }
            guard record.parent == nil || parent != nil, objects[record.id] == nil else { continue }
            let object = record.object(parent: parent, pipeline: pipeline)
            if let endpoint = record.endpoint {
                object.endpoint = endpoint.state
                restoreOffer(endpoint, of: object)
                pipeline.endpoints[endpoint.id] = object
            }
            if let element = record.element {
                object.element = element
                pipeline.endpoints[element.id] = object
            }
            if record.parent == nil { pipeline.object = object }
            objects.insert(object)
            for session in record.sessions { sessions.addObject(object.id, to: session) }
            for subscriber in record.subscribers {
                for subscription in subscriber.subscriptions {
                    sessions.add(
                        subscription, SessionTable.Subscription(object: object.id, event: subscriber.event),
                        to: subscriber.session)
                }
            }
        }
        for record in records {
            for link in record.links {
                guard let type = ElementGraph.MediaType(rawValue: link.type) else { continue }
                pipeline.graph.connect(
                    ElementGraph.Link(
                        source: link.source, sink: record.id, type: type, sourceDescription: link.sourceDescription,
                        sinkDescription: link.sinkDescription))
            }
        }
        for hub in pipeline.object?.children ?? [] where hub.hub != nil { updatePorts(of: hub) }
        // A connection was recorded after the media plane had made it.
        let plan = plan(of: pipeline)
        pipeline.routes = plan.routes
        pipeline.transcoders = plan.transcoders
        pipeline.gaps = Set(plan.gaps.keys)
        pipeline.dataRoutes = dataRoutes(of: pipeline)
    }
}
