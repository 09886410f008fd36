import Testing
import Wire

@Suite struct TupleTableTests {
    private func tuple(_ host: UInt32, _ port: UInt16, socket: UInt8 = 0) -> Tuple {
        Tuple(socket: socket, remote: SocketAddress(ip: IPAddress(ipv4: host), port: port))
    }

    @Test func agreesWithADictionaryUnderRandomUse() {
        var random = SeededRandom(seed: 9)
        var table = TupleTable(capacity: 64)
        var model: [Tuple: Int32] = [:]
        for _ in 0..<50_000 {
            let key = tuple(UInt32.random(in: 0..<8, using: &random), UInt16.random(in: 0..<16, using: &random))
            let slot = Int32.random(in: 0..<4, using: &random)
            if Bool.random(using: &random) {
                let accepted = table.set(key, to: slot)
                #expect(accepted == (model[key] != nil || model.count < 64))
                if accepted { model[key] = slot }
            } else {
                table.remove(key, ownedBy: slot)
                if model[key] == slot { model[key] = nil }
            }
            #expect(table.slot(for: key) == model[key])
            #expect(table.count == model.count)
        }
        for (key, slot) in model { #expect(table.slot(for: key) == slot) }
    }

    @Test func theSocketIsPartOfTheAddress() {
        var table = TupleTable(capacity: 4)
        let isSet = table.set(tuple(1, 1, socket: 0), to: 1)
        #expect(isSet)
        #expect(table.slot(for: tuple(1, 1, socket: 1)) == nil)
    }
}
