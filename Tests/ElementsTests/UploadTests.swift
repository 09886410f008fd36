import Media
import Session
import Synchronization
import Testing

@testable import Elements

@Suite struct UploadTests {
    /// What a sender is told.
    private final class Sender: Sendable {
        let rooms = Atomic(0)
        let answers = Mutex<[String]>([])

        func body() -> UploadBody {
            UploadBody(
                onRoom: { self.rooms.add(1, ordering: .relaxed) },
                onAnswer: { answer in self.answers.withLock { $0.append("\(answer)") } })
        }
    }

    private func text(_ piece: MediaStreamPiece) -> String {
        switch piece {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .nothing: "nothing"
        case .end: "end"
        case .failed(let error): "\(error)"
        }
    }

    @Test func aBodyComesOutAsItWentIn() {
        let body = Sender().body()
        #expect(text(body.take(atMost: 3)) == "nothing")
        for piece in ["abcd", "", "ef", "g"] { #expect(body.append(Array(piece.utf8))) }
        #expect((0..<4).map { _ in text(body.take(atMost: 3)) } == ["abc", "d", "ef", "g"])
        #expect(text(body.take(atMost: 3)) == "nothing" && !body.isWhole)
        _ = body.append([0x68])
        body.end(isWhole: true)
        // The first end counts, and nothing comes behind it.
        body.end(isWhole: false)
        _ = body.append([0x69])
        #expect(body.isWhole && text(body.take(atMost: 3)) == "h" && text(body.take(atMost: 3)) == "end")
    }

    @Test func aBrokenBodySaysSoAtItsEnd() {
        let body = Sender().body()
        _ = body.append([0x61])
        body.end(isWhole: false)
        #expect(text(body.take(atMost: 3)) == "a" && text(body.take(atMost: 3)) == "truncated" && !body.isWhole)
    }

    @Test func whoSendsTooMuchWaitsForRoom() {
        let sender = Sender()
        let body = sender.body()
        let piece = [UInt8](repeating: 7, count: 100_000)
        var count = 0
        repeat { count += 1 } while body.append(piece)
        #expect(count * piece.count >= Limits.uploadBytes && (count - 1) * piece.count < Limits.uploadBytes)
        // What was on its way all the same is not lost.
        #expect(!body.append(piece))
        var taken = 0
        while sender.rooms.load(ordering: .relaxed) == 0, case .bytes(let bytes) = body.take(atMost: 32_768) {
            taken += bytes.count
        }
        #expect((count + 1) * piece.count - taken < Limits.uploadBytes / 2)
        while case .bytes(let bytes) = body.take(atMost: 32_768) { taken += bytes.count }
        #expect(taken == (count + 1) * piece.count && sender.rooms.load(ordering: .relaxed) == 1)
    }

    @Test func aTokenLeadsToItsElementAndOneUploadAtATime() throws {
        let desk = UploadDesk()
        let token = "0123456789abcdef"
        let woken = Atomic(0)
        #expect(throws: Refusal.self) { try desk.add(token) {} }
        desk.open(at: "http://192.0.2.1:41000")
        #expect(desk.begin(token, Sender().body()) == .unknown)
        let (door, url) = try desk.add(token) { woken.add(1, ordering: .relaxed) }
        #expect(url == "http://192.0.2.1:41000/upload/0123456789abcdef")
        let body = Sender().body()
        #expect(desk.begin(token, body) == .taken && woken.load(ordering: .relaxed) == 1)
        #expect(desk.begin(token, Sender().body()) == .busy)
        #expect(door.take() === body && door.take() == nil)
        #expect(desk.begin(token, Sender().body()) == .busy)
        door.release()
        let last = Sender()
        #expect(desk.begin(token, last.body()) == .taken)
        desk.remove(token, door)
        #expect(last.answers.withLock { $0 } == ["closed"])
        #expect(desk.begin(token, Sender().body()) == .unknown && !door.offer(Sender().body()))
    }

    @Test(arguments: ["", "short", "0123456789abcde/", "0123456789abcdé", String(repeating: "a", count: 65)])
    func tokensHaveAForm(token: String) {
        let desk = UploadDesk()
        desk.open(at: "http://192.0.2.1:41000")
        #expect(throws: Refusal.self) { try desk.add(token) {} }
    }

    @Test func aSenderIsToldOnce() {
        let sender = Sender()
        let body = sender.body()
        body.answer(.done)
        body.answer(.closed)
        #expect(sender.answers.withLock { $0 } == ["done"])
    }
}
