import Wire

/// How long before it is sent what a hub's picture shows was to be seen: half of its interval, for something new may be
/// that of any instant since the picture before, and what decoding takes, on an average that changes too slowly for
/// anybody to see it.
struct PictureAge {
    private(set) var mean: Interval
    private var newest: UInt64 = 0
    /// What one of the hub's pictures may change of the mean: times never go back.
    private let most: Interval
    private let half: Interval

    /// What one picture counts for.
    private static let weight: Int64 = 32

    /// - Parameter interval: from one of the hub's pictures to the next.
    init(interval: Interval) {
        half = interval / 2
        mean = half
        most = interval / 16
    }

    /// Each picture counts once, when it is first sent.
    mutating func note(_ pictures: some Collection<HubPicture>) {
        let (least, largest) = (mean - most, mean + most)
        let new = pictures.filter { $0.number > newest }
        for picture in new.sorted(by: { $0.number < $1.number }) {
            let age = half + min(max(picture.lateness, .zero), Limits.pictureLag)
            mean = mean + .nanoseconds((age - mean).nanoseconds / Self.weight)
            newest = picture.number
        }
        mean = min(max(mean, least), largest)
    }
}
