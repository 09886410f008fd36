import CFFmpeg

/// Options by name, as FFmpeg takes them.
@safe struct LibraryOptions: ~Copyable {
    private var dictionary: OpaquePointer?

    init() {}

    deinit {
        var dictionary = unsafe dictionary
        unsafe av_dict_free(&dictionary)
    }

    mutating func set(_ name: String, _ value: String) { unsafe _ = av_dict_set(&dictionary, name, value, 0) }

    /// Those that `body` has used are gone afterwards.
    mutating func pass<Result>(to body: (UnsafeMutablePointer<OpaquePointer?>) -> Result) -> Result {
        unsafe withUnsafeMutablePointer(to: &dictionary) { pointer in unsafe body(pointer) }
    }
}
