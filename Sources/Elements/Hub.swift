import Media
import Reactor
import Session
import Synchronization
import Wire

/// A port's newest picture.
struct HubPicture: Sendable {
    var picture: VideoFrame
    /// Of all that the hub was shown.
    var number: UInt64
    /// How much later than it was to be seen it was decoded.
    var lateness: Interval
    /// The port's place among the hub's ports.
    var order: Int
}

/// What the elements of one hub share: each on its own thread, they meet here. Nobody waits for anybody.
final class Hub: Sendable {
    private struct State {
        var pictures: [EndpointID: HubPicture] = [:]
        var last: UInt64 = 0
        var isWatched = false
        /// Ports of which nobody may see anything where they are left out.
        var visible: Set<EndpointID>?
        var listening: Set<EndpointID> = []
    }

    /// Where steps of sound are counted from.
    let origin = HostClock.now
    let mixer = HubMixer()
    private let state = Mutex(State())

    // MARK: Pictures

    /// Whether a picture of this port would be seen by anybody.
    func isShown(_ port: EndpointID) -> Bool {
        state.withLock { $0.isWatched && $0.visible?.contains(port) != false }
    }

    /// - Parameter visible: the ports that the hub shows; nil for all.
    func setWatched(_ isWatched: Bool, visible: Set<EndpointID>?) {
        state.withLock { state in
            state.isWatched = isWatched
            state.visible = visible
        }
    }

    /// In place of the port's last picture.
    func show(_ picture: VideoFrame, of port: EndpointID, lateness: Interval, order: Int) {
        state.withLock { state in
            state.last += 1
            state.pictures[port] = HubPicture(picture: picture, number: state.last, lateness: lateness, order: order)
        }
    }

    /// The port has no picture any more.
    func hide(_ port: EndpointID) { state.withLock { $0.pictures[port] = nil } }

    var pictures: [EndpointID: HubPicture] { state.withLock { $0.pictures } }

    // MARK: Sound

    /// Somebody hears what a port sends.
    var isHeard: Bool { state.withLock { !$0.listening.isEmpty } }

    func setListening(_ port: EndpointID, _ isListening: Bool) {
        state.withLock { state in
            if isListening { state.listening.insert(port) } else { state.listening.remove(port) }
        }
    }

    /// The port is gone.
    func remove(_ port: EndpointID) {
        hide(port)
        setListening(port, false)
    }
}

/// The hubs of a worker. One lives as long as an element of it.
final class HubTable: Sendable {
    private struct Entry {
        weak var hub: Hub?
    }

    private let hubs = Mutex<[EndpointID: Entry]>([:])

    subscript(name: EndpointID) -> Hub {
        hubs.withLock { hubs in
            if let hub = hubs[name]?.hub { return hub }
            hubs = hubs.filter { $0.value.hub != nil }
            let hub = Hub()
            hubs[name] = Entry(hub: hub)
            return hub
        }
    }
}
