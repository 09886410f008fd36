import Wire

/// Bounds of the media plane.
enum Limits {
    /// Bytes of a URI.
    static let uriBytes = 4096
    /// Elements that one worker carries; each has a thread.
    static let elements = 128
    /// How long a process that ends waits for its recordings to be whole.
    static let farewell = Duration.seconds(3)
    /// What a player reads ahead of a file.
    static let readAhead = Interval.seconds(1)
    /// How far apart what belongs together may lie in a resource, and is still played together.
    static let trackDistance = Interval.seconds(10)
    /// Bytes that a player reads ahead at most.
    static let readAheadBytes = 16 << 20
    /// How often a player that waits for its resource looks at it.
    static let sourceLook = Interval.milliseconds(5)
    /// Bytes of an upload that wait to be read.
    static let uploadBytes = 1 << 20
    /// Bytes of the token in an upload's URL.
    static let tokenBytes = 64
    /// What a player may be behind and still catch up; after that it goes on from where it is.
    static let longestLag = Interval.milliseconds(500)
    /// What a picture may be late and is still shown, where it has to be encoded.
    static let lateness = Interval.milliseconds(150)
    /// Pictures, and their bytes, from one key frame to the next between which a player can make another one.
    static let bridgedPictures = 1000
    static let bridgedBytes = 16 << 20
    /// Of those pictures, how many are decoded while one is played, and how long that may take beyond the fewest.
    static let bridgedAtOnce = 4...10
    static let bridgedTime = Interval.milliseconds(15)
    /// How long a player decodes what lies before the place that was sought, until it listens to commands again.
    static let skipTime = Interval.milliseconds(20)
    /// How long a key frame that went out answers requests that come after it.
    static let freshKeyFrame = Interval.milliseconds(200)
    /// A key frame that comes within this time is waited for.
    static let keyFramePatience = Interval.milliseconds(500)
    /// From one sender report to the next (RFC 3550 section 6.2).
    static let reportInterval = Interval.seconds(1)
    /// Bytes of one RTP payload.
    static let payloadBytes = 1160
    /// How long a recording waits for the other kind of media before it begins without it.
    static let trackPatience = Interval.seconds(2)
    /// How long a recording waits for a packet that is missing.
    static let packetPatience = Interval.milliseconds(600)
    /// Pictures of a series without times that stand in for those that did not come: ten seconds.
    static let repeatedPictures: Int64 = 250
    /// Bytes of media that wait for a recording to begin.
    static let waitingBytes = 32 << 20
    /// From one request for a key frame to the next.
    static let keyFrameInterval = Interval.milliseconds(500)
    /// How long a filter or a transcoder waits for a packet that is missing: a call goes on without it.
    static let converterPatience = Interval.milliseconds(200)
    /// From one report of a code to the next while it stays in the picture.
    static let codeInterval = Interval.seconds(1)
    /// From one frame of a source to the next, by its own clock: what is further apart is another beginning.
    static let longestGap = Interval.seconds(10)
    /// Images that one filter lays over its pictures.
    static let images = 32
    /// Characters, and bytes, of a message that is written on pictures.
    static let shownCharacters = 256
    /// How long an element's thread sleeps at most.
    static let longestSleep = Interval.milliseconds(200)

    /// What the faster kind of a source's media waits for the slower one at most.
    static let lipSyncDelay = Interval.milliseconds(500)
    /// How often that is looked at.
    static let lipSyncLook = Interval.milliseconds(500)
    /// What a hub waits for packets of sound, at least and at most. What is later is lost, also of a source whose path
    /// has become longer by that much, so the most is far above what one likes.
    static let soundDelay = (minimum: Interval.milliseconds(20), maximum: Interval.seconds(1))
    /// What a hub waits for packets of pictures at most; later ones are shown late.
    static let pictureDelay = Interval.milliseconds(400)
    /// A picture that is later than this is not decoded: the next key frame is waited for.
    static let pictureLag = Interval.seconds(1)
    /// After this time without a picture a port's last one is no longer shown.
    static let pictureLife = Interval.seconds(5)
    /// From the end of a step of sound to when it is added to the mix: threads do not wake up to the moment.
    static let soundMargin = Interval.milliseconds(5)
    /// What a port may be behind with its steps and still make them all.
    static let soundLag = Interval.milliseconds(200)
    /// Steps of sound that a mix holds.
    static let heldSteps = 16
    /// Steps that are waited for a port which is late, and for how long one that was is reckoned with.
    static let longestLagSteps = 8
    static let latenessMemory = Interval.seconds(5)
    /// Sound of one port that waits to be mixed.
    static let heldSound = Interval.seconds(1)
}
