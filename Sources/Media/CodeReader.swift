import CZBar

/// Finds bar codes and QR codes in pictures.
public struct CodeReader: ~Copyable {
    /// One code: its type in ZBar's words (`QR-Code`, `EAN-13`) and what it says.
    public struct Code: Equatable, Sendable {
        public var type: String
        public var value: String
    }

    private let scanner: Scanner

    /// - Throws: ``MediaError/tooLarge`` when there is no memory for it.
    public init() throws(MediaError) { scanner = try Scanner() }

    /// The codes of a picture, at most ``Limits/codesPerPicture``. Looks at its brightness alone.
    public mutating func codes(in picture: VideoFrame) throws(MediaError) -> [Code] {
        let (width, height) = (picture.width, picture.height)
        let stride = picture.stride(of: .y)
        // ZBar wants the rows one behind the other.
        let rows = picture.withBytes(of: .y) { bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                var rows: [UInt8] = []
                rows.reserveCapacity(width * height)
                for row in 0..<height {
                    unsafe rows.append(contentsOf: bytes[(row * stride)..<(row * stride + width)])
                }
                return rows
            }
        }
        return try scanner.scan(rows, width: width, height: height)
    }
}

/// Owns ZBar's scanner.
@safe private final class Scanner {
    private let scanner: OpaquePointer

    init() throws(MediaError) {
        guard let scanner = unsafe zbar_image_scanner_create() else { throw .tooLarge }
        unsafe self.scanner = scanner
    }

    deinit { unsafe zbar_image_scanner_destroy(scanner) }

    /// Four letters, as ZBar writes formats: 8 bits of brightness for each pixel.
    private static let brightness = [UInt8]("Y800".utf8).enumerated()
        .reduce(UInt(0)) { $0 | UInt($1.element) << (8 * UInt($1.offset)) }

    func scan(_ rows: [UInt8], width: Int, height: Int) throws(MediaError) -> [CodeReader.Code] {
        guard let image = unsafe zbar_image_create() else { throw .tooLarge }
        defer { unsafe zbar_image_destroy(image) }
        unsafe zbar_image_set_format(image, Self.brightness)
        unsafe zbar_image_set_size(image, UInt32(width), UInt32(height))
        return unsafe rows.withUnsafeBytes { bytes in
            unsafe zbar_image_set_data(image, bytes.baseAddress, UInt(bytes.count), nil)
            guard unsafe zbar_scan_image(scanner, image) > 0 else { return [] }
            var codes: [CodeReader.Code] = []
            var symbol = unsafe zbar_image_first_symbol(image)
            while let found = unsafe symbol, codes.count < Limits.codesPerPicture {
                codes.append(unsafe Self.code(found))
                unsafe symbol = zbar_symbol_next(found)
            }
            return codes
        }
    }

    private static func code(_ symbol: OpaquePointer) -> CodeReader.Code {
        let type = unsafe zbar_get_symbol_name(zbar_symbol_get_type(symbol)).map { unsafe String(cString: $0) } ?? ""
        let count = unsafe Int(zbar_symbol_get_data_length(symbol))
        let bytes = unsafe UnsafeBufferPointer(start: zbar_symbol_get_data(symbol), count: count)
        let value = unsafe bytes.prefix(Limits.codeBytes).map { UInt8(bitPattern: $0) }
        return CodeReader.Code(type: type, value: String(decoding: value, as: UTF8.self))
    }
}
