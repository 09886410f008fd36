#ifndef APUS_CUSRSCTP_H
#define APUS_CUSRSCTP_H

#include <stddef.h>
#include <stdint.h>

// The benchmark compiles this with any compiler.
#ifndef __clang__
#define _Nonnull
#define _Nullable
#endif

/// One end of an association of usrsctp: the peer that Apus is tested and measured with. Its packets come and go by
/// calls (AF_CONN), and it has no thread: whoever owns it hands it packets and the time. All ends of a process share
/// usrsctp's timers and may only be used from one thread at a time.
typedef struct apus_usrsctp apus_usrsctp;

/// What an end tells of, beside messages.
enum {
    APUS_USRSCTP_CONNECTED = 1,
    /// The peer has begun anew.
    APUS_USRSCTP_RESTARTED = 2,
    /// It was aborted, by either end, or the peer does not answer.
    APUS_USRSCTP_LOST = 3,
    /// Ended by SHUTDOWN.
    APUS_USRSCTP_FINISHED = 4,
    /// Of a stream: what the peer sends on it, or what this end sends, begins anew.
    APUS_USRSCTP_INBOUND_RESET = 5,
    APUS_USRSCTP_OUTBOUND_RESET = 6,
    APUS_USRSCTP_RESET_FAILED = 7,
};

/// How hard a message is tried (RFC 3758, RFC 7496).
enum {
    APUS_USRSCTP_RELIABLE = 0,
    /// `value` is its lifetime in milliseconds.
    APUS_USRSCTP_TIMED = 1,
    /// `value` is how often it is sent again.
    APUS_USRSCTP_RETRANSMITTED = 3,
};

/// What an end calls, from within a call to it; it may not be called meanwhile.
typedef struct {
    void (*_Nonnull packet)(void *_Nullable context, const void *_Nonnull bytes, size_t length);
    void (*_Nonnull message)(
        void *_Nullable context, uint16_t stream, uint32_t protocol, const void *_Nonnull bytes, size_t length);
    void (*_Nonnull event)(void *_Nullable context, int event, uint16_t stream);
} apus_usrsctp_calls;

/// An end on `port` that waits for its peer on the same one. `packet_length`: bytes of a packet at most; `streams`: in
/// each direction. Null when usrsctp refuses.
apus_usrsctp *_Nullable apus_usrsctp_create(
    uint16_t port, size_t packet_length, uint16_t streams, apus_usrsctp_calls calls, void *_Nullable context);
/// Ends it with an ABORT, if it was connected.
void apus_usrsctp_destroy(apus_usrsctp *_Nonnull end);

void apus_usrsctp_connect(apus_usrsctp *_Nonnull end);
void apus_usrsctp_receive(apus_usrsctp *_Nonnull end, const void *_Nonnull packet, size_t length);
/// Time has passed, for all ends.
void apus_usrsctp_advance(uint32_t milliseconds);

/// What a message is, beside its bytes.
typedef struct {
    uint16_t stream;
    uint32_t protocol;
    int is_unordered;
    /// One of those above, and its value.
    uint16_t policy;
    uint32_t value;
} apus_usrsctp_delivery;

/// 0, or errno: EWOULDBLOCK when its buffer is full.
int apus_usrsctp_send(
    apus_usrsctp *_Nonnull end, apus_usrsctp_delivery delivery, const void *_Nonnull bytes, size_t length);
/// Resets what this end sends on a stream. 0, or errno: such as when another reset is not through.
int apus_usrsctp_reset(apus_usrsctp *_Nonnull end, uint16_t stream);
/// Ends it with SHUTDOWN once all was sent.
void apus_usrsctp_shutdown(apus_usrsctp *_Nonnull end);
void apus_usrsctp_abort(apus_usrsctp *_Nonnull end);

/// Sets the clock that usrsctp reads in this thread, in microseconds of its own epoch; 0 is the machine's again.
void apus_usrsctp_set_clock(uint64_t microseconds);

#endif
