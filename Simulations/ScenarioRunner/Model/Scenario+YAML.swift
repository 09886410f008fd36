extension Scenario {
    /// Reads a scenario file. Everything that is wrong with it is told with the field, the line and what to write.
    public init(yaml text: String) throws(ScenarioError) {
        var lines = Lines()
        let tree = try Tree(yaml: text)
        self = try Scenario.read(tree, "", &lines)
        do throws(ScenarioError) {
            try check()
        } catch {
            var error = error
            error.line = error.line ?? lines.line(of: error.path)
            throw error
        }
    }

    /// The same as a file, without what is as it would be anyway.
    public var yaml: String { tree.yaml() }
}
