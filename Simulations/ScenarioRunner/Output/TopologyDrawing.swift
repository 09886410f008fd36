import Simulator
import Wire

/// The network as a tree from left to right: the internet, what is behind it, and the hosts as leaves.
struct TopologyDrawing {
    private struct Box {
        var name: String
        var lines: [String]
        var link: String
        var depth: Int
        var row: Int = 0
        var children: [Int] = []
    }

    private let boxes: [Box]
    private let rows: Int

    private static let columnWidth = 300
    private static let boxWidth = 178
    private static let rowHeight = 84

    init(_ report: RunReport) {
        let network = report.scenario.network
        var boxes = [Box(name: "internet", lines: [], link: "", depth: 0)]
        var parents: [String: Int] = ["": 0]
        func add(_ device: some Device, _ lines: [String]) -> Bool {
            guard let parent = parents[device.behind] else { return false }
            boxes.append(
                Box(name: device.name, lines: lines, link: Self.link(device), depth: boxes[parent].depth + 1))
            boxes[parent].children.append(boxes.count - 1)
            parents[device.name] = boxes.count - 1
            return true
        }
        var nats = Array(network.nats.enumerated())
        var firewalls = network.firewalls
        var routers = network.routers
        var before = -1
        // Parents first; a scenario that could run has no circles.
        while before != boxes.count {
            before = boxes.count
            nats.removeAll { index, nat in
                add(nat, ["NAT \(nat.settings.name)", Self.joined(report.natAddresses[index])])
            }
            firewalls.removeAll { add($0, ["firewall" + ($0.blocksUDP ? ", no UDP" : "")]) }
            routers.removeAll { add($0, ["router"]) }
        }
        for (index, host) in network.hosts.enumerated() {
            _ = add(host, [Self.role(host.name, report.scenario), Self.joined(report.addresses[index])])
        }
        var row = 0
        func place(_ index: Int) {
            let children = boxes[index].children
            guard let first = children.first, let last = children.last else {
                boxes[index].row = row * 2
                row += 1
                return
            }
            for child in children { place(child) }
            boxes[index].row = (boxes[first].row + boxes[last].row) / 2
        }
        place(0)
        self.boxes = boxes
        rows = row
    }

    private static func joined(_ addresses: [IPAddress]) -> String {
        addresses.count > 1 ? "\(addresses[0]) and \(addresses.count - 1) more" : addresses.first?.description ?? ""
    }

    private static func link(_ device: some Device) -> String {
        let links = device.links
        if links[0] == links[1] { return links[0].summary }
        return "up " + links[0].summary + "; down " + links[1].summary
    }

    private static func role(_ host: String, _ scenario: Scenario) -> String {
        let servers = scenario.servers.filter { $0.host == host }.map { "\($0.kind.rawValue.uppercased()) server" }
        let calls = scenario.calls.filter { $0.from.host == host || $0.to.host == host }.map(\.name)
        return (servers + calls).joined(separator: ", ")
    }

    func svg() -> String {
        let depth = boxes.map(\.depth).max() ?? 0
        let width = depth * Self.columnWidth + Self.boxWidth + 20
        let height = max(rows, 1) * Self.rowHeight + 20
        var body = ""
        for box in boxes { for child in box.children { body += wire(box, boxes[child]) } }
        for box in boxes { body += drawing(of: box) }
        return HTML.svg(width, height, body, label: "The network")
    }

    private func x(_ box: Box) -> Int { 10 + box.depth * Self.columnWidth }
    private func y(_ box: Box) -> Int { 10 + box.row * Self.rowHeight / 2 }

    private func wire(_ parent: Box, _ child: Box) -> String {
        let startX = x(parent) + Self.boxWidth
        let startY = y(parent) + 31
        let endX = x(child)
        let endY = y(child) + 31
        let middle = startX + 24
        var body =
            "<path class=\"wire\" d=\"M\(startX) \(startY) H\(middle) V\(endY) H\(endX)\"/>\n"
        // Three lines at most, in the room between the boxes.
        for (index, part) in Self.wrapped(child.link).prefix(3).enumerated() {
            body += HTML.text(middle + 6, endY - 6 + index * 13 + (index > 0 ? 5 : 0), part, style: "soft small")
        }
        return body
    }

    private static func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        for part in text.split(separator: ", ") {
            if let last = lines.last, last.count + part.count < 17 {
                lines[lines.count - 1] = last + ", " + part
            } else {
                lines.append(String(part))
            }
        }
        return lines.map { $0.count > 18 ? String($0.prefix(17)) + "…" : $0 }
    }

    private func drawing(of box: Box) -> String {
        let x = x(box)
        let y = y(box)
        var body =
            "<rect class=\"box\" x=\"\(x)\" y=\"\(y)\" width=\"\(Self.boxWidth)\" height=\"62\" rx=\"8\"/>\n"
        body += HTML.text(x + 10, y + 20, box.name, style: "name")
        for (index, line) in box.lines.enumerated() {
            let shown = line.count > 27 ? String(line.prefix(26)) + "…" : line
            body += HTML.text(x + 10, y + 37 + index * 15, shown, style: "soft small")
        }
        return body
    }
}
