import Foundation
import MDNS
import Testing
import Wire

@testable import Worker

/// A responder in another language, on the loopback interface. What it hears it answers as its first argument says:
/// `unicast` to the asker's port, as one should a one-shot query (RFC 6762 section 6.7), or `multicast`, as browsers do.
private let responder = """
    import socket, struct, sys
    way, name, ip = sys.argv[1:4]
    group = "224.0.0.251"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((group, 5353))
    member = struct.pack("4s4si", socket.inet_aton(group), socket.inet_aton("127.0.0.1"), 0)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
    out.bind(("127.0.0.1", 0))
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0"
    s.settimeout(20)
    print("ready", flush=True)
    while True:
        query, source = s.recvfrom(9000)
        if query[2] & 0x80 or query[12:] != labels + b"\\0\\1\\0\\1":
            continue
        answer = labels + struct.pack("!HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(ip)
        if way == "unicast":
            out.sendto(query[:2] + b"\\x84\\0\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:] + answer, source)
        else:
            out.sendto(b"\\0\\0\\x84\\0\\0\\0\\0\\1\\0\\0\\0\\0" + answer, (group, 5353))
    """

/// The responder's process, ready.
private func respond(_ arguments: [String]) throws -> Process {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", responder] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    _ = output.fileHandleForReading.availableData
    return process
}

private let hasPython =
    ["/usr/bin", "/usr/local/bin"].contains { FileManager.default.isExecutableFile(atPath: $0 + "/python3") }

@Suite(.serialized, .enabled(if: hasPython, "the responder needs python3")) struct NameResolverTests {
    private let loopback = IPAddress(ipv4: 0x7F00_0001)

    @Test(arguments: ["unicast", "multicast"]) func aResponderOnTheLinkTellsTheAddress(_ way: String) async throws {
        let name = try #require(HostName("apus-\(way)-\(ProcessInfo.processInfo.processIdentifier).local"))
        let process = try respond([way, name.description, "192.0.2.7"])
        defer { process.terminate() }
        try #require(process.isRunning, "the responder cannot use multicast here")
        let resolver = try NameResolver(on: [loopback])
        let running = Task { await resolver.run() }
        #expect(await resolver.address(of: name) == IPAddress(ipv4: 0xC000_0207))
        running.cancel()
        await running.value
        #expect(await resolver.address(of: name) == nil)
    }

    @Test func nobodyAnswersForANameThatIsNotThere() async throws {
        let resolver = try NameResolver(on: [loopback])
        let running = Task { await resolver.run() }
        let start = ContinuousClock.now
        #expect(await resolver.address(of: try #require(HostName("apus-nobody.local"))) == nil)
        #expect(ContinuousClock.now - start > .seconds(4.9))
        running.cancel()
    }
}
