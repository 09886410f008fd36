public import Kurento
public import Logging
import Synchronization

/// The application servers of Kurento's tutorials, and a few more, in one: pages connect to a path and speak its
/// signalling, without sockets here.
public final class ApplicationServer: Sendable {
    /// What is at a path.
    private enum Application: String, CaseIterable {
        case helloWorld = "/helloworld"
        case recording = "/recording"
        case repository = "/repository"
        case call = "/call"
        case recordedCall = "/onetoonerecording"
        case groupCall = "/groupcall"
        case player = "/player"
        case plainReceiver = "/rtpreceiver"
        case sendData = "/senddatachannel"
        case showData = "/showdatachannel"
        case composite = "/composite"
        case codes = "/codes"
    }

    private let server: any KurentoServer
    private let configuration: GalleryConfiguration
    private let logger: Logger
    private let local: Shelf
    private let repository: Shelf
    private let oneToMany = OneToMany()
    private let oneToOne: OneToOne
    private let recordedCalls: OneToOne
    private let groupCall = GroupCall()
    private let mixedRoom = MixedRoom()
    private let visitors = Mutex(0)

    public convenience init(media: MediaServer, configuration: GalleryConfiguration, logger: Logger) {
        self.init(server: media, configuration: configuration, logger: logger)
    }

    init(server: any KurentoServer, configuration: GalleryConfiguration, logger: Logger) {
        self.server = server
        self.configuration = configuration
        self.logger = logger
        local = Shelf(folder: configuration.directory.map { "file://\($0)/" }, prefix: configuration.prefix)
        if let address = configuration.repository {
            repository = Shelf(
                folder: address.hasSuffix("/") ? address : address + "/", prefix: configuration.prefix,
                namesAreNew: true)
        } else {
            repository = local
        }
        recordedCalls = OneToOne(recordingOn: local, longest: configuration.recordingTime)
        oneToOne = configuration.recordsCalls ? recordedCalls : OneToOne()
    }

    /// Where pages may connect.
    public static var paths: [String] { Application.allCases.map(\.rawValue) }

    /// A page has connected.
    /// - Parameters:
    ///   - path: one of ``paths``.
    ///   - send: delivers one text message to the page.
    /// - Returns: What takes the page's messages; nil when there are too many pages, or nothing at the path.
    public func opened(_ path: String, send: @escaping @Sendable (String) -> Void) async -> PageSession? {
        guard let application = Application(rawValue: path) else { return nil }
        let isAccepted = visitors.withLock { count in
            guard count < Limits.visitors else { return false }
            count += 1
            return true
        }
        guard isAccepted else { return nil }
        let visitor = Visitor(kurento: await KurentoClient.connect(to: server), deliver: send)
        return PageSession(
            visitor, conversation(application, visitor), path: path, logger: logger,
            closed: { [self] in visitors.withLock { $0 -= 1 } })
    }

    private func conversation(_ application: Application, _ visitor: Visitor) -> any Conversation {
        switch application {
        case .helloWorld: Loopback(visitor)
        case .showData: Loopback(visitor, .showData)
        case .codes: Loopback(visitor, .codes)
        case .recording: RecordingSession(visitor, shelf: local, longest: configuration.recordingTime)
        case .repository:
            RecordingSession(visitor, shelf: repository, longest: configuration.recordingTime, tellsState: false)
        case .player: Player(visitor)
        case .sendData: Player(visitor, .sendData(from: configuration.directory.map { "file://\($0)/barcodes.webm" }))
        case .plainReceiver: PlainReceiver(visitor)
        case .call: CallDesk(visitor, oneToMany: oneToMany, oneToOne: oneToOne)
        case .recordedCall: CallDesk(visitor, oneToMany: oneToMany, oneToOne: recordedCalls)
        case .groupCall: SharedConversation(application: groupCall, guest: Guest(visitor))
        case .composite: SharedConversation(application: mixedRoom, guest: Guest(visitor))
        }
    }
}

/// One page's connection. The calls come one after the other.
public final class PageSession: Sendable {
    private let visitor: Visitor
    private let conversation: any Conversation
    private let logger: Logger
    private let onClose: @Sendable () -> Void

    init(
        _ visitor: Visitor, _ conversation: any Conversation, path: String, logger: Logger,
        closed: @escaping @Sendable () -> Void
    ) {
        self.visitor = visitor
        self.conversation = conversation
        var logger = logger
        logger[metadataKey: "page"] = "\(path)"
        self.logger = logger
        onClose = closed
    }

    /// A text message of the page.
    public func text(_ text: String) async {
        do throws(GalleryError) {
            let message = try Message(text)
            visitor.hears(message.dialect)
            // How the page tells its own faults.
            guard message.id != "error" else {
                return logger.debug("a page tells an error", metadata: ["text": "\(text.prefix(512))"])
            }
            try await conversation.take(message)
        } catch {
            logger.debug("a page was refused something", metadata: ["reason": "\(error.message)"])
            visitor.send(error)
        }
    }

    /// The page is gone, and with it all that it held. The last call.
    public func closed() async {
        await conversation.leave()
        await visitor.kurento.close()
        onClose()
    }
}
