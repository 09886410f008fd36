extension VideoFrame {
    /// Lays another picture on this one, its upper left corner at (`x`, `y`), which are even. What would lie outside is
    /// left out; alpha is not looked at.
    public mutating func copy(_ other: VideoFrame, x: Int, y: Int) throws(MediaError) {
        for plane in [Plane.y, .u, .v] {
            let scale = plane == .y ? 1 : 2
            let rows = Self.overlap(other.rows(of: plane), at: y / scale, in: self.rows(of: plane))
            let columns = Self.overlap(other.columns(of: plane), at: x / scale, in: self.columns(of: plane))
            guard !rows.isEmpty, !columns.isEmpty else { continue }
            // Takes the pixels for itself, where another picture shares them.
            try withMutableBytes(of: plane) { _ in }
            guard let target = unsafe storage.plane(plane.rawValue),
                let source = unsafe other.storage.plane(plane.rawValue)
            else { continue }
            for row in rows {
                let to = (y / scale + row) * stride(of: plane) + x / scale + columns.lowerBound
                let from = row * other.stride(of: plane) + columns.lowerBound
                unsafe target.advanced(by: to).update(from: source + from, count: columns.count)
            }
        }
    }

    /// Which of `count` places that begin at `start` are among the first `limit`.
    private static func overlap(_ count: Int, at start: Int, in limit: Int) -> Range<Int> {
        let first = max(0, -start)
        return first..<max(first, min(count, limit - start))
    }
}
