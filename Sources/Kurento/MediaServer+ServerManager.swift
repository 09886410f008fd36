import Foundation
import Session

extension MediaServer {
    /// Methods of the server manager. Figures are those of the whole cluster: clients see one server.
    func invokeOnManager(_ name: String, _ arguments: Arguments) async throws(KurentoError) -> JSONValue {
        switch name {
        case "getKmd":
            let module = arguments.string("moduleName")
            guard let text = registry.descriptorText(ofModule: module) else {
                throw KurentoError(.kmdNotFound, "Requested KMD module '\(module)' not found")
            }
            return .string(text)
        case "getCpuCount": return .integer(Int64(ProcessInfo.processInfo.activeProcessorCount))
        case "getUsedCpu":
            // Workers measure all the time. Deviation: `interval` is not waited for, so the caller's
            // other requests are not held up either.
            let loads = await plane.workers().filter(\.isAlive).map(\.report.load.cpu)
            guard !loads.isEmpty else { return .double(0) }
            return .double(loads.reduce(0, +) / Double(loads.count) * 100)
        case "getUsedMemory":
            let bytes = await plane.workers().filter(\.isAlive).map(\.report.load.memory).reduce(0, &+)
            return .integer(Int64(clamping: bytes / 1024))
        default: throw KurentoError(.notImplemented, "Method '\(name)' is not implemented")
        }
    }
}
