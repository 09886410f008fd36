import Session

/// Where pictures lie in a hub's picture.
struct CompositeLayout: Equatable {
    /// One picture's place, in pixels: even numbers, for a pixel of colour has two by two of brightness.
    struct Cell: Equatable {
        var port: EndpointID
        var x: Int
        var y: Int
        var width: Int
        var height: Int
    }

    var width: Int
    var height: Int
    /// The farthest first.
    var cells: [Cell]
    /// Some may lie on others.
    var overlaps: Bool

    /// Row by row, as many columns as it takes for no fewer columns than rows (`kmscompositemixer.c`).
    static func grid(_ ports: [EndpointID], width: Int, height: Int) -> CompositeLayout {
        var columns = 1
        while columns * columns < ports.count { columns += 1 }
        let rows = max((ports.count + columns - 1) / columns, 1)
        let cells = ports.enumerated().map { index, port in
            let (row, column) = (index / columns, index % columns)
            let x = even(column * width / columns)
            let y = even(row * height / rows)
            return Cell(
                port: port, x: x, y: y, width: even((column + 1) * width / columns) - x,
                height: even((row + 1) * height / rows) - y)
        }
        return CompositeLayout(width: width, height: height, cells: cells.filter(\.isVisible), overlaps: false)
    }

    /// - Parameter shown: ports that have a picture.
    static func blending(
        _ arrangement: BlendingArrangement, shown: Set<EndpointID>, width: Int, height: Int
    ) -> CompositeLayout {
        var layers: [(depth: Int, cell: Cell)] = []
        if let master = arrangement.master, shown.contains(master) {
            layers.append((arrangement.masterDepth, Cell(port: master, x: 0, y: 0, width: width, height: height)))
        }
        for place in arrangement.places where shown.contains(place.port) && place.port != arrangement.master {
            let cell = Cell(
                port: place.port, x: even(part(place.x, of: width)), y: even(part(place.y, of: height)),
                width: even(part(place.width, of: width)), height: even(part(place.height, of: height)))
            layers.append((place.depth, cell))
        }
        // Of equal depth, who was placed later is nearer; the master is the farthest.
        let order = layers.enumerated().sorted { ($0.element.depth, $0.offset) < ($1.element.depth, $1.offset) }
        return CompositeLayout(
            width: width, height: height, cells: order.map(\.element.cell).filter(\.isVisible), overlaps: true)
    }

    private static func part(_ share: Double, of length: Int) -> Int {
        share.isFinite ? Int(max(min(share, 1), -1) * Double(length)) : 0
    }

    static func even(_ number: Int) -> Int { number & ~1 }
}

extension CompositeLayout.Cell {
    /// It has any pixels.
    fileprivate var isVisible: Bool { width >= 2 && height >= 2 }
}
