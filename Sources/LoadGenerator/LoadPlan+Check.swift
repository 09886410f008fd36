import Wire

extension LoadPlan {
    /// Throws what is out of its range, with the option that sets it.
    public func check() throws(LoadError) {
        func hold(_ isRight: Bool, _ message: @autoclosure () -> String) throws(LoadError) {
            if !isRight { throw LoadError(message()) }
        }
        try hold(
            (1...Limits.publishers).contains(publishers), "--publishers \(publishers): write 1 to \(Limits.publishers)")
        try hold(
            (0...Limits.subscribers).contains(subscribers),
            "--subscribers \(subscribers): write 0 to \(Limits.subscribers)")
        try hold(
            rogues >= 0 && subscribers + rogues <= Limits.subscribers,
            "--rogues \(rogues): write 0 to \(Limits.subscribers), subscribers included")
        try hold(video != nil || hasAudio, "nothing to send: give --video PATTERN or --audio")
        try hold(
            rooms >= 1 && publishers % max(rooms, 1) == 0,
            "--rooms \(rooms): write a number that divides the publishers, of which there are \(publishers)")
        if let clip {
            try hold(
                rooms == 1 && video != nil && !clip.pictures.isEmpty && clip.framesPerSecond == framesPerSecond
                    && hasAudio == !clip.sound.isEmpty, "a clip takes one room and its own rate and kinds")
        }
        let streams = clip == nil ? publishers / rooms : 1
        let sections = streams * ((video == nil ? 0 : 1) + (hasAudio ? 1 : 0))
        try hold(
            sections < Limits.describedSections,
            "--publishers \(publishers): a subscriber has \(sections) sections; at most 63")
        try hold(
            (1...Limits.framesPerSecond).contains(framesPerSecond),
            "--rate \(framesPerSecond): write 1 to \(Limits.framesPerSecond) frames per second")
        try hold((1...Limits.threads).contains(threads), "--threads \(threads): write 1 to \(Limits.threads)")
        try hold(
            (1...Limits.joinsInFlight).contains(joinsInFlight),
            "--join-parallel \(joinsInFlight): write 1 to \(Limits.joinsInFlight)")
        try hold(checksumInterval >= 1, "--verify 1/\(checksumInterval): write all or 1/N with N from 1")
        try hold((0...0.9).contains(receiveLoss), "--receive-loss \(receiveLoss * 100): write 0 to 90 percent")
        try hold(gapThreshold > .zero, "--gap: write milliseconds above 0, for example 100")
        try hold(duration > .zero, "--duration: write a time above 0, for example 10")
        try hold(warmup >= .zero, "--warmup: write a time of 0 or more, for example 2")
    }
}
