import Glibc

extension FuzzTarget {
    /// The target that the environment names; libFuzzer's own main leaves no room for an argument.
    fileprivate static let chosen: FuzzTarget = {
        guard let target = variable("APUS_FUZZ_TARGET").flatMap(FuzzTarget.init(rawValue:)) else {
            preconditionFailure("APUS_FUZZ_TARGET names no target")
        }
        return target
    }()

    fileprivate static func variable(_ name: String) -> String? {
        unsafe getenv(name).flatMap { unsafe String(validatingCString: $0) }
    }

    /// Writes the seeds where libFuzzer looks for its first inputs.
    fileprivate func writeSeeds(to folder: String) {
        for (index, seed) in seeds.enumerated() {
            guard let file = unsafe fopen("\(folder)/seed-\(index)", "w") else { continue }
            _ = unsafe fwrite(seed, 1, seed.count, file)
            unsafe fclose(file)
        }
    }
}

/// What libFuzzer calls before it reads its corpus (`scripts/fuzz`).
@_cdecl("LLVMFuzzerInitialize")
public func prepareFuzzing(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    if let folder = FuzzTarget.variable("APUS_FUZZ_SEEDS") { FuzzTarget.chosen.writeSeeds(to: folder) }
    return 0
}

/// What libFuzzer calls with each input. Nothing else calls it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
    unsafe FuzzTarget.chosen.run(buffer.bytes)
    return 0
}
