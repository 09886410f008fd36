// The ideal forwarder: what one thread can do at best with the same packets, the same keys and the same clients.
// No feedback, no retransmission, no statistics, no second core; what a real server adds to this is its cost.
#ifndef APUS_LIMIT_H
#define APUS_LIMIT_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIMIT_SECTIONS = 64,     // media sections of one peer
    LIMIT_PEERS = 8192,      // peers in all
    LIMIT_DATAGRAMS = 32,    // datagrams (or GRO trains) taken at once
    LIMIT_DATAGRAM = 65536,  // bytes of one
    LIMIT_BURST = 512,       // packets forwarded at once
    LIMIT_SEGMENTS = 64,     // the kernel's UDP_MAX_SEGMENTS
    LIMIT_TRAIN = 65000,     // bytes of one train, under what a UDP length can say
    LIMIT_TAG = 16,          // bytes of an AES-GCM tag
};

typedef struct cipher cipher;
/// AES-128-GCM session keys of one direction for RTP (RFC 3711 section 4.3, RFC 7714), or NULL.
cipher *cipher_create(const uint8_t master_key[16], const uint8_t master_salt[12], int encrypt);
void cipher_destroy(cipher *cipher);
/// Encrypts `length` bytes from `source` to `target` and puts the tag behind them.
void cipher_seal(cipher *cipher, uint32_t ssrc, uint32_t roc, const uint8_t *header, size_t header_length,
                 const uint8_t *source, uint8_t *target, size_t length);
/// Opens `length` bytes and the tag behind them in place. 0 when they are not authentic.
int cipher_open(cipher *cipher, uint32_t ssrc, uint32_t roc, const uint8_t *header, size_t header_length,
                uint8_t *data, size_t length);
/// Chooses libipsec-mb when it can be loaded (`force` NULL), or what `force` names. 0 when that is not there.
int cipher_choose(const char *force);
const char *cipher_name(void);

/// One media section: what a publisher sends there, or what a subscriber is sent.
typedef struct {
    char mid[32];
    char codec[48];           // "VP8/90000"
    uint8_t is_video;
    uint8_t payload_type;
    struct track *track;      // the source of a subscriber's section
    uint32_t ssrc;            // of a subscriber's copy
    uint16_t sequence_offset;
    uint32_t timestamp_offset;
    uint32_t roc;             // of a subscriber's copy
    uint16_t last_sequence;
    uint8_t has_sent;
} section;

/// One stream that is published.
typedef struct track {
    struct peer *publisher;
    uint32_t ssrc;  // learnt from its first packet
    uint32_t roc;
    uint16_t last_sequence;
    uint8_t is_known;
    uint8_t is_video;
    uint8_t payload_type;
    char codec[48];
    uint32_t index;
} track;

typedef struct peer {
    uint8_t is_used, is_publisher, is_connected;
    uint32_t index;
    char ufrag[9], password[25];
    char remote_ufrag[257];
    struct sockaddr_in address;
    uint8_t has_address;
    SSL *ssl;
    cipher *inbound, *outbound;
    section sections[LIMIT_SECTIONS];
    int section_count;
} peer;

typedef struct {
    uint64_t received, forwarded, sends, ignored, unauthentic, full;
} counters;

typedef struct {
    int udp;
    uint16_t port;
    int use_gso;
    unsigned pad;  // bytes of RTP padding that may be spent to keep a train together
    SSL_CTX *tls;
    char fingerprint[128];
    peer *peers;
    uint32_t peer_count;
    track tracks[LIMIT_SECTIONS * 4];
    uint32_t track_count;
    peer *by_port[65536];  // all peers are on 127.0.0.1
    counters count;
} server;

extern server limit;

// peer.c
int peer_setup(void);
peer *peer_create(int is_publisher);
void peer_remove(peer *peer);
void peer_stun(const uint8_t *data, size_t length, const struct sockaddr_in *from);
void peer_dtls(peer *peer, const uint8_t *data, size_t length);
/// Repeats handshake flights that are due.
void peer_timers(void);

// sdp.c
/// Answers the offer in `sdp`; the answer's length, or 0 when the offer is not understood.
size_t sdp_answer(peer *peer, const char *sdp, char *answer, size_t capacity);

// http.c
int http_open(uint16_t port);
/// Takes connections and requests that are there.
void http_serve(int epoll, int listener, int ready);

// forward.c
int forward_open(uint16_t port);
/// Takes what the socket holds, up to one batch, and forwards it.
void forward_batch(void);

#endif
