import Foundation
public import Reactor

extension NoteCodec {
    /// Notes as JSON, as in the store.
    public static let json = NoteCodec(
        encode: { note in (try? JSONEncoder().encode(note)).map { Array($0) } },
        decode: { bytes in try? JSONDecoder().decode(JournalNote.self, from: Data(bytes)) })
}
