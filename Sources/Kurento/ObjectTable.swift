import Session

/// All objects by id.
struct ObjectTable {
    private var objects: [String: MediaObject] = [:]
    private var bySession: [SessionID: Pipeline] = [:]
    /// In order of creation.
    private(set) var pipelines: [MediaObject] = []
    private(set) var endpointCount = 0

    var count: Int { objects.count }

    subscript(id: String) -> MediaObject? { objects[id] }

    func pipeline(of session: SessionID) -> Pipeline? { bySession[session] }

    mutating func insert(_ object: MediaObject) {
        objects[object.id] = object
        if object.order == 0 { object.order = (object.parent?.children.last?.order ?? 0) + 1 }
        object.parent?.children.append(object)
        if object.endpoint != nil { endpointCount += 1 }
        if object.type == "MediaPipeline", let pipeline = object.pipeline {
            pipelines.append(object)
            bySession[pipeline.session] = pipeline
        }
    }

    mutating func remove(_ object: MediaObject) {
        guard objects.removeValue(forKey: object.id) != nil else { return }
        object.parent?.children.removeAll { $0 === object }
        if object.endpoint != nil { endpointCount -= 1 }
        if object.type == "MediaPipeline", let pipeline = object.pipeline {
            pipelines.removeAll { $0 === object }
            bySession[pipeline.session] = nil
        }
    }
}
