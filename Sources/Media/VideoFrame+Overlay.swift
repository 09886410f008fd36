import Wire

extension VideoFrame {
    /// Lays a picture over this one, as far as it lies inside: each of its pixels counts as much as its alpha says.
    ///
    /// - Parameters:
    ///   - image: opaque where it has no alpha.
    ///   - x: where its left edge comes to lie; an odd one is rounded down, for two pixels share a colour.
    ///   - y: the same of its upper edge.
    public mutating func overlay(_ image: VideoFrame, x: Int, y: Int) throws(MediaError) {
        try detach()
        let (x, y) = (x & ~1, y & ~1)
        for plane in [Plane.y, .u, .v] {
            let step = plane == .y ? 1 : 2
            let left = x / step
            let top = y / step
            let from = (left: max(-left, 0), top: max(-top, 0))
            let to = (
                right: min(image.columns(of: plane), columns(of: plane) - left),
                bottom: min(image.rows(of: plane), rows(of: plane) - top)
            )
            guard from.left < to.right, from.top < to.bottom else { continue }
            let strides = (target: stride(of: plane), source: image.stride(of: plane), alpha: image.stride(of: .alpha))
            try withMutableBytes(of: plane) { target in
                image.withBytes(of: plane) { source in
                    image.withBytes(of: .alpha) { alpha in
                        for row in from.top..<to.bottom {
                            blend(
                                source, row * strides.source + from.left, alpha,
                                (row * step) * strides.alpha + from.left * step, step: step, into: &target,
                                (top + row) * strides.target + left + from.left, count: to.right - from.left)
                        }
                    }
                }
            }
        }
    }
}

/// A row: `count` samples of `source` over those of `target`, each from an offset on; of alpha every `step`th counts.
private func blend(
    _ source: RawSpan, _ from: Int, _ alpha: RawSpan, _ alphaFrom: Int, step: Int, into target: inout MutableRawSpan,
    _ to: Int, count: Int
) {
    precondition(from >= 0 && from + count <= source.byteCount && to >= 0 && to + count <= target.byteCount)
    let isOpaque = alpha.isEmpty
    precondition(isOpaque || (alphaFrom >= 0 && alphaFrom + (count - 1) * step < alpha.byteCount))
    for index in 0..<count {
        let opacity = isOpaque ? 255 : UInt32(alpha.uint8(at: alphaFrom + index * step))
        guard opacity > 0 else { continue }
        let over = UInt32(source.uint8(at: from + index)) * opacity
        let under = UInt32(target.bytes.uint8(at: to + index)) * (255 - opacity)
        target.storeBytes(of: UInt8((over + under + 127) / 255), toByteOffset: to + index, as: UInt8.self)
    }
}
