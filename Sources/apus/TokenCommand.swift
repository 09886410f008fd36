import Access
import ArgumentParser
import Settings

/// Makes a bearer token for WHIP and WHEP.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make a bearer token for a room, or for operators.",
        discussion: """
            Signs with one of the `keys` in cluster.yml.
            Examples:
              apus token --room lobby --publish --subscribe
              apus token --operator --lifetime 3600
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The room that the token is for.")
    var room: String?

    @Flag(help: "Allow to publish (WHIP).")
    var publish = false

    @Flag(help: "Allow to play (WHEP).")
    var subscribe = false

    @Flag(help: "Allow to drain and upgrade workers, for the status page.")
    var `operator` = false

    @Option(help: "Name of the key to sign with; needed if there is more than one.")
    var key: String?

    @Option(help: "Whom the token is for.")
    var identity: String?

    @Option(help: "Seconds that the token may be used to join.")
    var lifetime = 21_600

    func validate() throws {
        guard publish || subscribe || `operator` else {
            throw ValidationError("say what the token allows: --publish, --subscribe, --operator")
        }
        guard room != nil || !(publish || subscribe) else { throw ValidationError("name the room with --room") }
        guard lifetime > 0 else { throw ValidationError("--lifetime is a number of seconds, from 1") }
    }

    func run() async throws {
        let settings = try options.load().settings
        guard !settings.keys.isEmpty else {
            throw SettingsError(
                file: options.fileName, line: nil, key: "keys", problem: "there are no keys, so no token is needed",
                fix: "To ask for tokens write `keys:` with a `name: secret` line under it")
        }
        let names = settings.keys.keys.sorted()
        guard let name = key ?? (names.count == 1 ? names.first : nil), names.contains(name) else {
            throw ValidationError("choose one of the keys with --key: \(names.joined(separator: ", "))")
        }
        var grant = AccessGrant(
            room: room, canJoin: room != nil, canPublish: publish, canSubscribe: subscribe, identity: identity)
        grant.isOperator = `operator`
        Terminal.line(try await AccessKeys(settings.keys).sign(grant, key: name, lifetime: Double(lifetime)))
    }
}
