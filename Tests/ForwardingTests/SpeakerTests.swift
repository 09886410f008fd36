import RTP
import Testing
import Wire

@testable import Forwarding

private func audio(_ sequence: UInt16, level: UInt8) -> [UInt8] {
    Media.packet(sequence, timestamp: UInt32(sequence) * 960, ssrc: 9, type: 111, extensions: [(1, [level])], payload: [1])
}

/// Lets each of the endpoints send 20 ms frames with its level.
private func talk(_ fixture: Fixture, _ levels: [EndpointIndex: UInt8], frames: Int, from start: inout UInt16) {
    for _ in 0..<frames {
        for (endpoint, level) in levels.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            fixture.send(audio(start, level: level), from: endpoint)
        }
        start &+= 1
        fixture.wait(.milliseconds(20))
    }
}

private func speakers(_ fixture: Fixture) -> [EndpointIndex] {
    fixture.events().compactMap { if case .dominantSpeaker(let endpoint, group: 7) = $0 { endpoint } else { nil } }
}

private func room() -> Fixture {
    let fixture = Fixture()
    for endpoint in [alice, bob, carol] {
        fixture.join(endpoint, [Media.audio])
        fixture.router.joinSpeakers(endpoint, group: 7)
    }
    return fixture
}

@Test func whoTalksLeadsAndACoughChangesNothing() {
    let fixture = room()
    var sequence: UInt16 = 1
    talk(fixture, [alice: 20, bob: 90, carol: 127], frames: 60, from: &sequence)
    #expect(speakers(fixture) == [alice])
    // A cough of 0.1 s.
    talk(fixture, [alice: 20, bob: 10, carol: 127], frames: 5, from: &sequence)
    talk(fixture, [alice: 20, bob: 90, carol: 127], frames: 100, from: &sequence)
    #expect(speakers(fixture) == [])
    // Both talk: the floor stays.
    talk(fixture, [alice: 20, bob: 20, carol: 127], frames: 100, from: &sequence)
    #expect(speakers(fixture) == [])
    // The floor is handed over, within a second and a half.
    talk(fixture, [alice: 90, bob: 90, carol: 25], frames: 75, from: &sequence)
    #expect(speakers(fixture) == [carol])
    // Silence elects nobody.
    talk(fixture, [alice: 100, bob: 110, carol: 127], frames: 200, from: &sequence)
    #expect(speakers(fixture) == [])
}

@Test func groupsHearOnlyTheirOwnMembers() {
    let fixture = room()
    fixture.router.joinSpeakers(bob, group: nil)
    var sequence: UInt16 = 1
    talk(fixture, [alice: 90, bob: 10, carol: 90], frames: 60, from: &sequence)
    #expect(speakers(fixture) == [])
    talk(fixture, [alice: 90, bob: 10, carol: 20], frames: 60, from: &sequence)
    #expect(speakers(fixture) == [carol])
    fixture.router.close(carol)
    talk(fixture, [alice: 20, bob: 10], frames: 60, from: &sequence)
    #expect(speakers(fixture) == [alice])
    fixture.router.close(alice)
    fixture.router.close(bob)
    #expect(fixture.router.speakerGroups.isEmpty)
}
