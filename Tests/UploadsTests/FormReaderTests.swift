import Testing
import Uploads
import Wire

@Suite struct FormReaderTests {
    private static let type = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"

    private static func form(_ parts: [(header: String, content: [UInt8])], end: String = "--\r\n") -> [UInt8] {
        var bytes: [UInt8] = []
        for part in parts {
            bytes += Array("------WebKitFormBoundary7MA4YWxk\r\n\(part.header)\r\n\r\n".utf8) + part.content
            bytes += Array("\r\n".utf8)
        }
        return bytes + Array(("------WebKitFormBoundary7MA4YWxk" + end).utf8)
    }

    private static let file = #"Content-Disposition: form-data; name="f"; filename="a;b.webm""# + "\r\nContent-Type: video/webm"
    private static let field = #"Content-Disposition: form-data; name="title""#

    /// The file, when the form comes in pieces of `size`.
    private func read(_ form: [UInt8], size: Int) throws -> (file: [UInt8], isComplete: Bool) {
        var reader = try #require(FormReader(contentType: Self.type))
        var file: [UInt8] = []
        for start in stride(from: 0, to: form.count, by: size) {
            file += try reader.read(Array(form[start..<min(start + size, form.count)]))
        }
        return (file, reader.isComplete)
    }

    /// Much of it looks like the beginning of a delimiter.
    private static let content: [UInt8] =
        Array("\r\n--\r\n------WebKitFormBoundary7MA4YWx\r\n------WebKitFormBoundary7MA4YWxk.\r\r\n".utf8)
        + (0...255).map { UInt8($0) } + Array("\r\n".utf8)

    @Test(arguments: [1, 2, 3, 7, 64, 100_000]) func theFileIsWhatStandsBetweenTheDelimiters(size: Int) throws {
        let form = Self.form([(Self.field, Array("x\r\n".utf8)), (Self.file, Self.content), (Self.field, [1, 2, 3])])
        let (file, isComplete) = try read(form, size: size)
        #expect(file == Self.content && isComplete)
    }

    @Test(arguments: [1, 1000]) func whatStandsBeforeTheFirstPartAndBehindTheFileIsNotOfIt(size: Int) throws {
        let form = Array("this is a preamble\r\n".utf8) + Self.form([(Self.file, [7, 8])]) + Array("epilogue".utf8)
        let (file, isComplete) = try read(form, size: size)
        #expect(file == [7, 8] && isComplete)
    }

    @Test(arguments: [1, 1000]) func anEmptyFileIsOne(size: Int) throws {
        let (file, isComplete) = try read(Self.form([(Self.file, [])]), size: size)
        #expect(file.isEmpty && isComplete)
    }

    @Test func aFormThatBreaksOffIsNotComplete() throws {
        let form = Self.form([(Self.file, Self.content)])
        for count in 0..<(form.count - 4) {
            let (file, isComplete) = try read(Array(form[..<count]), size: 100_000)
            #expect(!isComplete && Self.content.starts(with: file))
        }
    }

    @Test func withoutAFileThereIsNone() throws {
        let (file, isComplete) = try read(Self.form([(Self.field, [1]), ("", [2])]), size: 5)
        #expect(file.isEmpty && !isComplete)
    }

    @Test func aHeaderHasALimit() throws {
        let form = Self.form([("X: " + String(repeating: "y", count: 20_000), [1])])
        #expect(throws: ParseError.overLimit) { try read(form, size: 100) }
        #expect(throws: ParseError.overLimit) { try read(form, size: 100_000) }
    }

    @Test(arguments: [
        #"multipart/form-data; charset=utf-8; boundary="a b;c""#, "Multipart/Form-Data;boundary=x",
        "multipart/form-data ; BOUNDARY=x",
    ])
    func boundariesMayBeQuoted(type: String) { #expect(FormReader(contentType: type) != nil) }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x", "video/webm", "",
        "multipart/form-data; boundary=\"x", "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
        "multipart/form-data; boundary=\"x \"", "multipart/form-data; boundary=é",
    ])
    func whatIsNoBoundaryIsNone(type: String) { #expect(FormReader(contentType: type) == nil) }
}
