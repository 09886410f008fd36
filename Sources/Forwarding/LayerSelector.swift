import RTP

/// The most that a subscriber wants of a layered stream.
struct LayerWish: BitwiseCopyable {
    var spatial = RewritingSpan.all
    var temporal = RewritingSpan.all
    /// With a dependency descriptor: the decode target that answers the wish, its spatial layer, what
    /// stays decodable with it, and all that the structure has.
    var target = RewritingSpan.all
    var targetSpatial = RewritingSpan.all
    var activeTargets: UInt32 = .max
    var allTargets: UInt32 = .max
}

/// Which layers of one stream a subscriber gets, changed only where its decoder can follow: downwards with
/// the next picture, upwards where the sender says that nothing that was left out is needed.
struct LayerSelector: BitwiseCopyable {
    private var spatial = RewritingSpan.all
    private var temporal = RewritingSpan.all
    private var target = RewritingSpan.all
    /// Bit d: the picture or frame d before the newest one went out.
    private var sent: UInt64 = 0
    /// The wish needs a key frame.
    private(set) var wantsKeyFrame = false

    /// Decides with the first packet of a picture (VP8, VP9) or frame (dependency descriptor). A layer is
    /// joined only with the packet that begins its frame: one that comes late is judged as what was before.
    ///
    /// `delta` is how far its number is from the one before, 0 when that cannot be said.
    mutating func choose(
        _ forward: Forward, _ wish: LayerWish, delta: Int, isFirst: Bool, _ span: inout RewritingSpan
    ) {
        sent = isFirst || delta == 0 || delta > 63 ? 0 : sent << UInt64(delta)
        wantsKeyFrame = false
        switch forward.frame.scheme {
        case .none: break
        case .vp8: chooseVP8(forward, wish, isFirst: isFirst, &span)
        case .vp9: chooseVP9(forward, wish, isFirst: isFirst, &span)
        case .dependencies: chooseTarget(forward, wish, isFirst: isFirst, &span)
        }
    }

    /// Y: the frame needs only the base layer, so its layer can be joined here (RFC 7741 section 4.2).
    private mutating func chooseVP8(
        _ forward: Forward, _ wish: LayerWish, isFirst: Bool, _ span: inout RewritingSpan
    ) {
        if isFirst || forward.isKeyFrame || wish.temporal < temporal {
            temporal = wish.temporal
        } else if temporal < wish.temporal, forward.frame.temporal == temporal + 1,
            forward.frame.flags.isSuperset(of: [.isSwitchingPoint, .startsFrame])
        {
            temporal += 1
        }
        span.temporal = temporal
        span.spatial = RewritingSpan.all
    }

    /// RFC 9628 section 4.2: U on a picture of layer T says that later pictures of layers above T need
    /// none from before it. Senders also set it on the first picture of a layer that can be joined.
    private mutating func chooseVP9(
        _ forward: Forward, _ wish: LayerWish, isFirst: Bool, _ span: inout RewritingSpan
    ) {
        let frame = forward.frame
        if isFirst || forward.isKeyFrame {
            spatial = wish.spatial
            temporal = wish.temporal
        }
        spatial = min(spatial, wish.spatial)
        temporal = min(temporal, wish.temporal)
        var passed = temporal
        if temporal < wish.temporal {
            // The lowest spatial layer's first packet: what comes late of the picture is judged as before.
            let begins = frame.flags.contains(.startsFrame) && frame.spatial == 0
            if frame.flags.contains(.isSwitchingPoint), frame.temporal <= temporal {
                temporal = wish.temporal
            } else if begins, frame.flags.contains(.isSwitchingPoint), frame.temporal == temporal + 1 {
                temporal += 1
            }
            passed = temporal
            // Flexible mode names what the picture needs: it passes when all of that went out.
            if begins, frame.flags.contains(.isFlexible), frame.temporal > temporal,
                frame.temporal <= wish.temporal,
                wasSent(frame.references)
            {
                passed = frame.temporal
            }
        }
        wantsKeyFrame = spatial < wish.spatial
        span.spatial = spatial
        span.temporal = passed
    }

    /// Appendix A.4.4: a decode target can be joined at a decodable frame with its switch indication.
    private mutating func chooseTarget(
        _ forward: Forward, _ wish: LayerWish, isFirst: Bool, _ span: inout RewritingSpan
    ) {
        guard let dependencies = forward.frame.dependencies else { return }
        let isStructureNew = dependencies.hasStructure && dependencies.isIndependent
        if isFirst || isStructureNew {
            target = wish.target
            if wish.activeTargets == wish.allTargets { span.tellsActiveTargets = false }
        } else if target != wish.target, dependencies.indication(forTarget: Int(wish.target)) == .switchable,
            wasSent(dependencies.references), !dependencies.hasFarReference, dependencies.startsFrame
        {
            target = wish.target
        }
        wantsKeyFrame = target != wish.target
        guard target == wish.target else { return }
        let isWhole = wish.activeTargets == wish.allTargets
        span.target = target
        span.spatial = isWhole ? RewritingSpan.all : wish.targetSpatial
        // Told with every frame, also that all are back, until a structure begins anew (A.4.4).
        if !isWhole { span.tellsActiveTargets = true }
        span.activeTargets = wish.activeTargets
    }

    private func wasSent(_ references: UInt64) -> Bool { references & ~(sent >> 1) == 0 }

    /// The packet's picture or frame went out; `newest` is the newest number.
    mutating func noteSent(_ frame: FrameDescription, newest: UInt16) {
        let isLong = frame.scheme == .dependencies
        let age = isLong ? newest &- frame.picture : (newest &- frame.picture) & 0x7FFF
        if age < 64 { sent |= 1 << UInt64(age) }
    }
}
