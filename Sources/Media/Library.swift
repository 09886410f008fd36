import CFFmpeg

/// What FFmpeg is told once in the life of a process.
enum Library {
    /// FFmpeg logs nothing, and allocates no more at a time than ``Limits/allocationBytes``.
    static let isReady: Bool = {
        av_log_set_level(AV_LOG_QUIET)
        av_max_alloc(Limits.allocationBytes)
        return avformat_network_init() == 0
    }()
}
