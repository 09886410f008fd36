// swift-tools-version: 6.2
import PackageDescription

// Every source module: Swift 6, strict memory safety, warnings are errors.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

// The simulated cluster holds nobody's calls: released, it does without the checks of exclusive access.
let uncheckedWhenReleased = SwiftSetting.unsafeFlags(
    ["-enforce-exclusivity=unchecked"], .when(configuration: .release))

// Tests keep the language rules but not the warning gate: `#expect` expands to code that strict
// memory safety flags.
let testing: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

func core(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, settings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: house + settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: testing)
}

// Debian has it for x86-64 only; elsewhere the seam answers that it is not there.
#if arch(x86_64)
let ipsecMB: [LinkerSetting] = [.linkedLibrary("IPSec_MB")]
#else
let ipsecMB: [LinkerSetting] = []
#endif

// C seams.
var targets: [Target] = [
    .target(name: "CLinux"),
    .target(name: "CPrefetch"),
    .target(name: "CIPSecMB", linkerSettings: ipsecMB),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSRTP", pkgConfig: "libsrtp2", providers: [.apt(["libsrtp2-dev"])]),
    .systemLibrary(name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(
        name: "CFFmpeg", pkgConfig: "libavformat",
        providers: [
            .apt([
                "libavfilter-dev", "libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev",
                "libswresample-dev",
            ])
        ]),
    .systemLibrary(name: "CVPX", pkgConfig: "vpx", providers: [.apt(["libvpx-dev"])]),
    .systemLibrary(name: "CZBar", pkgConfig: "zbar", providers: [.apt(["libzbar-dev"])]),
]

// Sans-IO cores: no Foundation, no Glibc (TidyTests holds them to it).
targets += [
    core("Wire", ["CPrefetch"]),
    core("STUN", ["Wire", "COpenSSL"]),
    core("ICE", ["STUN", "Wire"]),
    core("TURN", ["STUN", "Wire", "COpenSSL"]),
    core("MDNS", ["Wire"]),
    core("DTLS", ["Wire", "COpenSSL"]),
    core("SRTP", ["Wire", "COpenSSL", "CSRTP", "CIPSecMB"]),
    core("RTP", ["Wire"]),
    core("Payload", ["RTP", "Wire"]),
    core("Congestion", ["Wire", "CPrefetch"]),
    core("SCTP", ["Wire"]),
    core("SDP", ["MDNS", "RTP", "Wire"]),
    core("Transport", ["ICE", "STUN", "DTLS", "SRTP", "SCTP", "Wire"]),
    core("Forwarding", ["Congestion", "RTP", "Wire", "CPrefetch"]),
    core("Session", ["RTP", "Wire", "COpenSSL"]),
    core("Uploads", ["Wire"]),
]

// IO and the control plane.
targets += [
    core("Reactor", ["Transport", "Forwarding", "Session", "ICE", "STUN", "TURN", "DTLS", "SRTP", "SCTP", "RTP", "Wire", "CLinux"]),
    core(
        "LoadGenerator", ["Transport", "ICE", "STUN", "DTLS", "SRTP", "SDP", "Payload", "RTP", "Wire", "CLinux"]),
    core("WHIPClient", ["LoadGenerator", "Wire"] + nio),
    core("Media", ["CFFmpeg", "CVPX", "CZBar", "Wire"]),
    core("Store", ["Session", "CHiredis", "CLinux", logging]),
    core("Elements", ["Media", "Payload", "Reactor", "RTP", "Session", "Wire"]),
    core("Worker", ["Reactor", "Store", "Session", "ICE", "MDNS", "DTLS", "RTP", "Wire", "CLinux", logging]),
    core("Controller", ["Store", "Session", "RTP", "Wire", logging]),
    core("Kurento", ["Session", "SDP", "RTP", "Wire", logging]),
    core("Gallery", ["Kurento", "Session", logging]),
    core("WHIP", ["Session", "SDP", "RTP", "Wire", logging]),
    core("Access", [.product(name: "JWTKit", package: "jwt-kit")]),
    core("Spelling", []),
    core("EventLog", [logging]),
    core("Settings", ["Spelling", .product(name: "Yams", package: "Yams")]),
    core(
        "Signaling",
        ["Kurento", "Gallery", "WHIP", "Session", logging, .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HummingbirdTLS", package: "hummingbird")] + nio),
    .executableTarget(
        name: "apus",
        dependencies: [
            "Signaling", "Kurento", "Gallery", "WHIP", "Access", "Controller", "Worker", "Elements", "Uploads", "Reactor", "Store", "Session", "Settings",
            "EventLog", "ICE", "STUN", "TURN", "DTLS", "Wire", "CLinux", "LoadGenerator", "WHIPClient",
            "ForwardingBenchmark", "CongestionBenchmark", "RepairBenchmark", "CompositeBenchmark", "SCTPBenchmark", "Simulator", "SimulatedMedia", "SimulatedCluster",
            "ScenarioRunner", logging,
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ],
        swiftSettings: house),
    .target(
        name: "ForwardingBenchmark", dependencies: ["LoadGenerator", "Wire", "CLinux", "COpenSSL"],
        path: "Benchmarks/Forwarding", exclude: ["README.md", "costs.svg", "loopback.c"], swiftSettings: house),
    .target(
        name: "CongestionBenchmark", dependencies: ["Congestion", "Simulator", "Wire"], path: "Benchmarks/Congestion",
        exclude: ["README.md"], swiftSettings: house),
    .target(
        name: "SCTPBenchmark", dependencies: ["ForwardingBenchmark", "SCTP", "Wire", "CLinux"], path: "Benchmarks/SCTP",
        exclude: ["README.md", "CUSRSCTP", "peer.c"], swiftSettings: house),
    .target(
        name: "RepairBenchmark", dependencies: ["Forwarding", "RTP", "Wire"], path: "Benchmarks/Repair",
        exclude: ["README.md"], swiftSettings: house),
    .target(
        name: "CompositeBenchmark",
        dependencies: ["ForwardingBenchmark", "LoadGenerator", "WHIPClient", "Kurento", "Media", "Wire"] + nio,
        path: "Benchmarks/Composite", exclude: ["README.md"], swiftSettings: house),
    core(
        "Fuzzing",
        [
            "Wire", "STUN", "TURN", "ICE", "MDNS", "DTLS", "SCTP", "SRTP", "RTP", "Payload", "SDP", "Transport", "Kurento",
            "Session", "Store", "Uploads", "Media",
        ],
        path: "Simulations/Fuzzing"),
    core("Simulator", ["ICE", "STUN", "TURN", "Wire"], path: "Simulations/Simulator"),
    .target(name: "CSeededRandom", dependencies: ["COpenSSL"], path: "Simulations/CSeededRandom"),
    core(
        "SimulatedMedia",
        [
            "Simulator", "CSeededRandom", "Reactor", "LoadGenerator", "Transport", "Session", "ICE", "TURN", "DTLS", "RTP",
            "Wire",
        ],
        path: "Simulations/SimulatedMedia"),
    .target(name: "CVirtualExecutor", path: "Simulations/CVirtualExecutor"),
    core(
        "SimulatedCluster",
        [
            "CVirtualExecutor", "SimulatedMedia", "Simulator", "Controller", "Worker", "Store", "WHIP", "Reactor",
            "Transport", "Session", "SDP", "ICE", "DTLS", "RTP", "Wire", logging,
        ],
        path: "Simulations/SimulatedCluster", settings: [uncheckedWhenReleased]),
    core(
        "ScenarioRunner", ["Simulator", "Spelling", "ICE", "STUN", "TURN", "Wire", .product(name: "Yams", package: "Yams")],
        path: "Simulations/ScenarioRunner"),
]

targets += [
    // The peer of tests; no product links it. The benchmark compiles it into a program of its own.
    .target(
        name: "CUSRSCTP", path: "Benchmarks/SCTP/CUSRSCTP", linkerSettings: [.linkedLibrary("usrsctp")]),
    .target(name: "CAllocationCount", path: "Tests/Support/CAllocationCount"),
    .target(name: "TestSupport", path: "Tests/Support/TestSupport", swiftSettings: testing),
    tests("WireTests", ["Wire"]),
    tests("STUNTests", ["STUN", "Wire"]),
    tests("ICETests", ["ICE", "STUN", "Wire"]),
    tests("TURNTests", ["TURN", "STUN", "Wire"]),
    tests("MDNSTests", ["MDNS", "Wire"]),
    tests("DTLSTests", ["DTLS", "Wire"]),
    tests("SCTPTests", ["CUSRSCTP", "SCTP", "Wire"]),
    tests("SRTPTests", ["SRTP", "Wire"]),
    tests("RTPTests", ["RTP", "Wire"]),
    tests("PayloadTests", ["Payload", "RTP", "Wire"]),
    tests("CongestionTests", ["CAllocationCount", "Congestion", "Wire"]),
    tests("CongestionBenchmarkTests", ["CongestionBenchmark", "Congestion", "Simulator"]),
    tests("SCTPBenchmarkTests", ["SCTPBenchmark", "ForwardingBenchmark"]),
    tests("RepairBenchmarkTests", ["RepairBenchmark", "Wire"]),
    tests("CompositeBenchmarkTests", ["CompositeBenchmark", "ForwardingBenchmark", "LoadGenerator"]),
    tests("SDPTests", ["SDP", "RTP"]),
    tests("TransportTests", ["Transport", "ICE", "STUN", "DTLS", "SRTP", "SCTP", "Wire"]),
    tests("ForwardingTests", ["Forwarding", "RTP", "Wire"]),
    tests("SessionTests", ["Session", "RTP", "Wire"]),
    tests("UploadsTests", ["Uploads", "Wire"]),
    tests(
        "ReactorTests",
        [
            "CAllocationCount", "Reactor", "TURN", "Transport", "Forwarding", "Session", "ICE", "DTLS", "SRTP", "SCTP",
            "RTP", "STUN", "Wire", "CLinux",
        ]),
    tests(
        "LoadGeneratorTests",
        ["LoadGenerator", "Reactor", "Transport", "Forwarding", "Session", "ICE", "STUN", "DTLS", "SRTP", "SDP", "Payload", "RTP", "Wire", "CLinux"]),
    tests("WHIPClientTests", ["WHIPClient", "LoadGenerator", "Wire"] + nio),
    tests("MediaTests", ["Media", "Payload", "Wire"]),
    tests("StoreTests", ["TestSupport", "Store", "Session", "RTP", logging]),
    tests("ElementsTests", ["Elements", "Media", "Payload", "Reactor", "RTP", "Session", "Wire"]),
    tests("WorkerTests", ["Worker", "MDNS", "Store", "Session", "Reactor", "DTLS", "RTP", "Wire", logging]),
    tests("ControllerTests", ["TestSupport", "Controller", "Store", "Session", "RTP", "Wire", logging]),
    tests("KurentoTests", ["Kurento", "Session", "SDP", "RTP", "Wire", logging]),
    tests("GalleryTests", ["Gallery", "Kurento", logging]),
    tests("WHIPTests", ["WHIP", "Session", "SDP", "RTP", "Wire", logging]),
    tests("AccessTests", ["Access"]),
    tests("SettingsTests", ["Settings"]),
    tests("EventLogTests", ["EventLog", logging]),
    tests("SignalingTests", ["Signaling", "Kurento", "Gallery", "WHIP", "Session", "RTP", logging] + nio),
    tests("FuzzingTests", ["Fuzzing"]),
    tests("SimulatorTests", ["Simulator", "ICE", "STUN", "TURN", "Wire"]),
    tests("SimulatedMediaTests", ["SimulatedMedia", "Simulator", "DTLS", "ICE", "STUN", "Wire"]),
    tests("SimulatedClusterTests", ["SimulatedCluster", "Session"]),
    tests("ScenarioTests", ["ScenarioRunner", "Simulator", "ICE", "STUN", "Wire"]),
    tests("ForwardingBenchmarkTests", ["ForwardingBenchmark", "LoadGenerator", "Wire"]),
    tests("TidyTests", []),
]

let package = Package(
    name: "apus",
    products: [.executable(name: "apus", targets: ["apus"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: targets
)
