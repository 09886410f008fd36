import Foundation
import Testing

@testable import Reactor

@Suite struct MailboxTests {
    @Test func aFullMailboxRefusesAndGoesOnAfterADrain() throws {
        let mailbox = try Mailbox<Int>(capacity: 2)
        #expect(mailbox.send(1) && mailbox.send(2) && !mailbox.send(3))
        #expect(mailbox.drain() == [1, 2])
        #expect(mailbox.send(4))
        mailbox.close()
        #expect(!mailbox.send(5))
        #expect(mailbox.drain() == [4])
    }

    @Test func messagesOfManySendersAllArriveAndEachSendersInOrder() async throws {
        let mailbox = try Mailbox<[Int]>(capacity: 100_000)
        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<8 {
                group.addTask { for number in 0..<1000 { _ = mailbox.send([sender, number]) } }
            }
        }
        var last = Array(repeating: -1, count: 8)
        for message in mailbox.drain() {
            #expect(message[1] == last[message[0]] + 1)
            last[message[0]] = message[1]
        }
        #expect(last == Array(repeating: 999, count: 8))
    }
}
