import Media
import Reactor
import Session
import Wire

/// Looks for codes in pictures, and tells of each that is new, or still there a second later, as Kurento does.
final class CodeWatch {
    private var reader: CodeReader
    private let sendsMessages: Bool
    private var last: (code: DetectedCode, time: Interval)?
    private var reports: [ElementOutput] = []

    init(sendsMessages: Bool) throws(MediaError) {
        reader = try CodeReader()
        self.sendsMessages = sendsMessages
    }

    /// The picture itself goes to nobody: what is looked at goes by.
    func apply(_ picture: VideoFrame) -> [VideoFrame] {
        for found in (try? reader.codes(in: picture)) ?? [] {
            let code = DetectedCode(type: found.type, value: found.value)
            if let last, last.code == code, picture.pts - last.time < Limits.codeInterval { continue }
            last = (code, picture.pts)
            guard sendsMessages else {
                reports.append(.found(code))
                continue
            }
            let time = picture.pts.nanoseconds
            reports.append(.message("Code detected in time \(time), type \(code.type), symbol \(code.value)"))
        }
        return []
    }

    func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports
    }
}
