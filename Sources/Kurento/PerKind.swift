import RTP

/// One value for sound and one for pictures.
struct PerKind<Value> {
    private var audio: Value
    private var video: Value

    init(_ value: Value) {
        audio = value
        video = value
    }

    subscript(kind: MediaKind) -> Value {
        get { kind == .audio ? audio : video }
        set { if kind == .audio { audio = newValue } else { video = newValue } }
    }
}

extension PerKind: Codable where Value: Codable {}
extension PerKind: Equatable where Value: Equatable {}
