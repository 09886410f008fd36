import Glibc

extension FuzzTarget {
    /// The target that the environment names; libFuzzer's own main leaves no room for an argument.
    fileprivate static let chosen: FuzzTarget = {
        let name = unsafe getenv("APUS_FUZZ_TARGET").flatMap { unsafe String(validatingCString: $0) }
        guard let target = name.flatMap(FuzzTarget.init(rawValue:)) else {
            preconditionFailure("APUS_FUZZ_TARGET names no target")
        }
        return target
    }()
}

/// What libFuzzer calls with each input (`scripts/fuzz`). Nothing else calls it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
    unsafe FuzzTarget.chosen.run(buffer.bytes)
    return 0
}
