import Testing

/// The rules' own tools: a checker that finds nothing would keep everything tidy.
@Suite struct CheckerTests {
    @Test(arguments: [
        (#"let a = "x!" // b!"#, #"let a = "  "      "#),
        (#"let a = "\(b!)c!""#, #"let a = "\(b!)  ""#),
        (##"let a = #"b"c"# + d"##, ##"let a = #"   "# + d"##),
        ("/* a /* b */ c */d", "                 d"),
        (#"let a = "\"b""#, #"let a = "   ""#),
    ])
    func commentsAndStringsAreBlanked(text: String, code: String) {
        #expect(CodeBlanker.blank(text) == code)
    }

    @Test func multilineStringsAreBlanked() {
        let text = "let a = \"\"\"\n  b \"c\" \\(d)\n  \"\"\"\ne"
        #expect(CodeBlanker.blank(text) == "let a = \"\"\"\n        \\(d)\n  \"\"\"\ne")
    }

    @Test(arguments: ["a!", "a!.b", "f()!", "[a]!", "let a: B!", "a?[1]!"])
    func aForceUnwrapIsSeen(code: String) { #expect(StyleTests.unwraps(code)) }

    @Test(arguments: ["a != b", "!a", "if !a", "a!=b", "(!a)", "a && !b"])
    func aNegationIsNoForceUnwrap(code: String) { #expect(!StyleTests.unwraps(code)) }

    @Test func lengthsOfFunctionsAreCounted() {
        let code = [
            "protocol P {", "    func a()", "    var b: Int { get }", "}",
            "func c(d: () -> Int = { 1 }) {", "    if x {", "    }", "}",
            "struct E {", "    init() {", "        self.init(f: 1)", "    }", "}",
        ]
        #expect(FunctionLength.functions(in: code) == [.init(line: 5, length: 4), .init(line: 10, length: 3)])
    }

    @Test func undocumentedDeclarationsAreSeen() {
        let text =
            "/// A.\npublic struct A {\n    public var b = 1\n}\n\n@frozen public struct C {}\npublic extension A {}\n"
        #expect(DocumentationTests.undocumented(SourceFile(path: "Sources/X/Y.swift", text: text)) == [6])
    }

    @Test func importsAreRead() {
        let text = "public import Wire\nimport struct Foundation.Data\n@testable import RTP\n// import Glibc\n"
        let file = SourceFile(path: "Sources/X/Y.swift", text: text)
        #expect(file.imports.map(\.module) == ["Wire", "Foundation", "RTP"])
    }

    @Test func thePackageIsRead() {
        #expect(Module.dependencies["Forwarding"] == ["CPrefetch", "Congestion", "RTP", "Wire"])
        #expect(Module.dependencies["Wire"] == ["CPrefetch"])
        #expect(Module.dependencies["Store"]?.contains("CHiredis") == true)
        #expect(Module.dependencies["apus"]?.contains("Signaling") == true)
    }
}
