// Trains of datagrams: what UDP_GRO hands over in one piece and UDP_SEGMENT takes in one piece, with the
// kernel's time stamps. For programs with a socket for each peer.
#ifndef APUS_CLINUX_TRAINS_H
#define APUS_CLINUX_TRAINS_H

#include "CLinux.h"

#pragma clang assume_nonnull begin

/// A non-blocking UDP socket bound to `address` that takes trains (UDP_GRO) and stamps what arrives
/// (SO_TIMESTAMPNS); or -errno. The buffers are limits in bytes.
int apus_train_socket(const apus_address *address, int receive_buffer, int send_buffer);

/// `count` receive entries of `bytes` each, for recvmmsg.
typedef struct apus_trains apus_trains;
apus_trains *_Nullable apus_trains_create(unsigned count, size_t bytes);
void apus_trains_destroy(apus_trains *trains);
/// recvmmsg without waiting: how many entries were filled, or -errno.
int apus_trains_receive(apus_trains *trains, int fd);

typedef struct {
    void *bytes;
    size_t length;
    /// Of each datagram but the last; `length` for a single one.
    size_t segment;
    /// Wall clock, nanoseconds since 1970; 0 without a stamp.
    uint64_t arrival;
} apus_train;
apus_train apus_trains_entry(apus_trains *trains, unsigned index);
apus_address apus_trains_source(const apus_trains *trains, unsigned index);

/// One sendmsg of `length` bytes, as datagrams of `segment` bytes when that is less; 0, or -errno.
int apus_train_send(int fd, const apus_address *destination, const void *bytes, size_t length, unsigned segment);

/// Datagrams that a socket had no room for (SK_MEMINFO_DROPS, the counter of SO_RXQ_OVFL), or -errno.
int64_t apus_socket_drops(int fd);
/// The address that this host sends from towards `remote`, with port 0; 0, or -errno.
int apus_source_towards(const apus_address *remote, apus_address *source);

/// As `apus_epoll_wait`, with a timeout in nanoseconds.
int apus_epoll_wait_ns(int epoll, uint64_t *tokens, unsigned capacity, uint64_t timeout_ns);
int apus_epoll_remove(int epoll, int fd);

/// User and system time of the calling thread, in nanoseconds.
uint64_t apus_thread_cpu_ns(void);

#pragma clang assume_nonnull end
#endif
