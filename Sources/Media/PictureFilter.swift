import CFFmpeg
import Wire

/// A chain of FFmpeg's filters that pictures go through, one after the other.
///
/// The options are given one by one, never as one text that is parsed: what a value says cannot add a filter.
public struct PictureFilter: ~Copyable {
    /// A filter of the chain, by FFmpeg's names.
    public struct Step: Hashable, Sendable {
        public var name: String
        public var options: [Option]

        /// One option of a filter.
        public struct Option: Hashable, Sendable {
            public var name: String
            public var value: String

            public init(_ name: String, _ value: String) {
                self.name = name
                self.value = value
            }
        }

        public init(_ name: String, _ options: [Option] = []) {
            self.name = name
            self.options = options
        }
    }

    private let steps: [Step]
    private var chain: Chain?

    /// A chain without steps gives back what it gets.
    public init(_ steps: [Step]) { self.steps = steps }

    /// The pictures that leave the chain after this one, at most ``Limits/framesPerPacket``; times stay as they are.
    ///
    /// - Throws: ``MediaError/other(_:)`` for a filter, an option or a value that FFmpeg does not take, or that does
    ///   not go with pictures of this size.
    public mutating func apply(_ picture: VideoFrame) throws(MediaError) -> [VideoFrame] {
        guard !steps.isEmpty else { return [picture] }
        if chain == nil || chain?.width != picture.width || chain?.height != picture.height {
            chain = nil
            chain = try Chain(steps, width: picture.width, height: picture.height)
        }
        return try chain?.apply(picture) ?? []
    }
}

/// Owns a graph of FFmpeg for pictures of one size.
@safe private final class Chain {
    let width: Int
    let height: Int
    private let graph: UnsafeMutablePointer<AVFilterGraph>
    private let source: UnsafeMutablePointer<AVFilterContext>
    private let sink: UnsafeMutablePointer<AVFilterContext>

    init(_ steps: [PictureFilter.Step], width: Int, height: Int) throws(MediaError) {
        _ = Library.isReady
        self.width = width
        self.height = height
        guard let graph = unsafe avfilter_graph_alloc() else { throw .tooLarge }
        do throws(MediaError) {
            unsafe graph.pointee.nb_threads = 1
            guard let source = unsafe apus_media_filter_source(graph, Int32(width), Int32(height)) else {
                throw .tooLarge
            }
            var last = unsafe source
            // What comes out is what goes in: I420, in square pixels.
            for step in steps + [.init("format", [.init("pix_fmts", "yuv420p")]), .init("buffersink")] {
                unsafe last = try Self.append(step, to: last, of: graph)
            }
            let result = unsafe avfilter_graph_config(graph, nil)
            if result < 0 { throw MediaError(result, while: .coding) }
            unsafe self.source = source
            unsafe sink = last
            unsafe self.graph = graph
        } catch {
            var graph: UnsafeMutablePointer<AVFilterGraph>? = unsafe graph
            unsafe avfilter_graph_free(&graph)
            throw error
        }
    }

    deinit {
        var graph: UnsafeMutablePointer<AVFilterGraph>? = unsafe graph
        unsafe avfilter_graph_free(&graph)
    }

    private static func append(
        _ step: PictureFilter.Step, to last: UnsafeMutablePointer<AVFilterContext>,
        of graph: UnsafeMutablePointer<AVFilterGraph>
    ) throws(MediaError) -> UnsafeMutablePointer<AVFilterContext> {
        guard let filter = unsafe apus_media_filter(graph, step.name) else {
            throw .other("there is no filter \(step.name)")
        }
        for option in step.options where unsafe apus_media_filter_set(filter, option.name, option.value) < 0 {
            throw .other("\(option.name) of \(step.name) cannot be \(option.value)")
        }
        guard unsafe avfilter_init_str(filter, nil) >= 0, unsafe avfilter_link(last, 0, filter, 0) >= 0 else {
            throw .other("the filter \(step.name) does not take its options")
        }
        return unsafe filter
    }

    func apply(_ picture: VideoFrame) throws(MediaError) -> [VideoFrame] {
        // The graph takes a reference of its own; the picture stays as it is for others who hold it.
        guard let reference = unsafe av_frame_clone(picture.storage.frame) else { throw .tooLarge }
        var input: UnsafeMutablePointer<AVFrame>? = unsafe reference
        defer { unsafe av_frame_free(&input) }
        unsafe reference.pointee.pts = picture.pts.nanoseconds
        var result = unsafe av_buffersrc_add_frame(source, reference)
        if result < 0 { throw MediaError(result, while: .coding) }
        var pictures: [VideoFrame] = []
        while pictures.count < Limits.framesPerPacket, let frame = unsafe av_frame_alloc() {
            let storage = unsafe FrameStorage(adopting: frame)
            result = unsafe av_buffersink_get_frame(sink, frame)
            if UInt32(apus_media_outcome_of(result)) == APUS_MEDIA_AGAIN.rawValue { break }
            if result < 0 { throw MediaError(result, while: .coding) }
            guard unsafe frame.pointee.width <= Limits.pictureSide, unsafe frame.pointee.height <= Limits.pictureSide
            else { throw .tooLarge }
            let time = unsafe apus_media_nanoseconds(frame.pointee.pts, av_buffersink_get_time_base(sink))
            pictures.append(VideoFrame(storage, pts: Interval(nanoseconds: max(time, 0))))
        }
        return pictures
    }
}
