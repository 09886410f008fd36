import Wire

/// What was tuned over the cases of RFC 8867.
extension DelayTargetController {
    /// Reports that come meanwhile do what a tick does.
    static let tick = Interval.milliseconds(250)
    /// …and before the first one, for the first probes not to wait for it.
    static let firstTick = Interval.milliseconds(25)
    /// Bits that a flow of weight 1 keeps in the queue: one and a half packets.
    static let queuedBits = 8_500.0
    static let offsetPerNoise = 1.5
    /// 1/s; the proportional gain at short round trips, and what it becomes per s of loop delay at long ones.
    static let largestGain = 4.0
    static let gainPerDelay = 1.0
    /// s; of the loop: reports, smoothing, encoder.
    static let loopDelay = 0.15
    /// s; the error that the integral sees at most.
    static let largestError = 0.05
    /// Of the rate's logarithm, for one report.
    static let largestStep = 0.2
    /// 1/s and s: the pull to the fair rate and the averaging of the queue that it goes by.
    static let fairnessGain = 0.15
    static let fairnessAverage = 8.0
    /// s above the target that is too much if it lasts, and how much of it is, in s².
    static let overuse = 0.025
    /// s; the queue that a mark on every packet stands for, and the averaging of marks.
    static let markedQueue = 0.025
    static let markAverage = 0.2
    static let overuseArea = 0.02
    /// s above the target that is too much at once when little of what was sent arrives.
    static let collapse = 0.06
    static let collapseShare = 0.55
    /// s
    static let collapsedQueue = 0.25
    /// s in which a drain wants the queue gone.
    static let drainTime = 0.4
    static let drainFloor = 0.25
    static let afterDrain = 0.95
    /// s
    static let drainPatience = 1.2
    static let competitorQueue = 0.05
    /// s; less than it means that nobody competes.
    static let competitionEnd = 0.035
    static let competitionDecrease = 0.75
    /// s; after so long without loss the growth has doubled; and how many times as fast it becomes.
    static let competitionTime = 3.0
    static let competitionHaste = 4.0
    static let segmentBits = 9_600.0
    static let dipFactor = 0.55
    static let dipLength = Interval.milliseconds(350)
    static let dipPause = Interval.seconds(10)
    /// 1/s and 1/s².
    static let firstGrowth = 0.1
    /// The same before any queue has been reached.
    static let startGrowth = 0.3
    /// s above the offset; less queue cannot be told from none.
    static let leastEmptiness = 0.004
    static let leastQueue = 0.002
    static let growthStep = 0.3
    /// s of emptiness before growth begins.
    static let growthPatience = 0.8
    static let largestGrowth = 0.8
    /// s; averaging of the queue that growth goes by.
    static let growthAverage = 0.3
    /// Of the target; less queue counts as empty for growth.
    static let growthShare = 0.35
    /// s from one report to the next: more than own growth does; and how long that is remembered.
    static let jump = 0.025
    static let jumpMemory = Interval.milliseconds(700)
    /// 1/s; back to the rate before a drain.
    static let recoveryGrowth = 1.2
    static let recoveryQueueShare = 0.6
    static let recoveryShare = 1.0
    static let recoveryDoubt = 0.98
    /// At the target, and at most and at least.
    static let pacing = 1.15
    static let largestPacing = 1.3
    static let leastPacing = 0.85
    /// 1/s; how fast pacing falls with the queue above its target.
    static let pacingGain = 12.0
    /// s in which what waits in the pacer should be gone.
    static let backlogTime = 0.5
    static let firstCompetition = Interval.seconds(10)
    static let longestCompetition = Interval.seconds(60)
    static let windowQueue = 0.6
    /// s and round trips besides: browsers report a few packets only every quarter of a second, and later when busy.
    static let outage = 1.0
    static let outageFactor = 0.75
    static let probeShare = 0.9
    /// bit/s
    static let leastProbed = 300_000.0
    static let probePause = Interval.seconds(5)
}
