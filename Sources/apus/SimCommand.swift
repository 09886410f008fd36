import ArgumentParser
import Foundation
import Simulator
import Wire

/// `apus sim`: the network simulator.
struct SimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim", abstract: "Run the product's own protocol code in a simulated network.",
        discussion: "Example: apus sim nat-matrix",
        subcommands: [
            NATMatrixCommand.self, SimCallCommand.self, SimRunCommand.self, SimSoakCommand.self, SimExploreCommand.self,
            SimLinkCommand.self,
        ])
}
