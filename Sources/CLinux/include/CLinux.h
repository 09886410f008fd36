// The Linux system calls that Swift's Glibc module does not show (they need _GNU_SOURCE) or that
// are clumsy from Swift. No policy here: each function is one system call or one plain loop.
#ifndef APUS_CLINUX_H
#define APUS_CLINUX_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// An IP address and a port; IPv4 in the low 32 bits of `low`, as Wire's SocketAddress has it.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint16_t port;
    uint8_t is_ipv4;
} apus_address;

// Datagram sockets

/// A non-blocking UDP socket bound to `address` (IPV6_V6ONLY for IPv6), or -errno. Trains of equal datagrams
/// from one sender may arrive in one piece (UDP_GRO).
int apus_udp_open(const apus_address *address, int receive_buffer, int send_buffer);
/// The port a socket is bound to, or -errno.
int apus_local_port(int fd);
void apus_close(int fd);

/// The headers for recvmmsg and sendmmsg, allocated once.
typedef struct apus_batch apus_batch;
apus_batch *_Nullable apus_batch_create(unsigned capacity);
void apus_batch_destroy(apus_batch *batch);
/// Points entry `index` at `buffer`, for receiving.
void apus_batch_set_buffer(apus_batch *batch, unsigned index, void *buffer, size_t length);
/// Addresses entry `index` for sending.
void apus_batch_set_destination(apus_batch *batch, unsigned index, const apus_address *destination);
/// Points entry `index` at `length` bytes that leave as datagrams of `segment` bytes, the last one maybe shorter
/// (UDP_SEGMENT); as one datagram when `segment` is not less than `length`.
void apus_batch_set_train(apus_batch *batch, unsigned index, void *buffer, size_t length, size_t segment);
/// recvmmsg without waiting into entries first..<first+count: how many came, or -errno.
int apus_batch_receive(apus_batch *batch, int fd, unsigned first, unsigned count);
size_t apus_batch_length(const apus_batch *batch, unsigned index);
/// Bytes of each datagram in the entry but the last, which may be shorter; the length when it is one datagram.
size_t apus_batch_segment(const apus_batch *batch, unsigned index);
/// Whether entry `index` was cut because its buffer was too small.
int apus_batch_was_truncated(const apus_batch *batch, unsigned index);
apus_address apus_batch_source(const apus_batch *batch, unsigned index);
/// sendmmsg of entries first..<first+count: how many went, or -errno.
int apus_batch_send(apus_batch *batch, int fd, unsigned first, unsigned count);

// Waiting

int apus_epoll_create(void);
int apus_epoll_add(int epoll, int fd, uint64_t token);
/// Tokens of the ready descriptors; 0 on timeout or signal, or -errno. Milliseconds, -1 waits for ever.
int apus_epoll_wait(int epoll, uint64_t *tokens, unsigned capacity, int timeout_ms);
int apus_eventfd_create(void);
void apus_eventfd_signal(int fd);
void apus_eventfd_drain(int fd);

// Host

uint64_t apus_monotonic_ns(void);
uint64_t apus_wall_clock_ns(void);
/// User and system time of this process, in nanoseconds.
uint64_t apus_process_cpu_ns(void);
/// Raises the limit of open files to what the system allows this process; the limit in force.
uint64_t apus_raise_file_limit(void);
/// Resident set size of this process in bytes.
uint64_t apus_resident_memory(void);
/// The kernel's random bytes; 0, or -errno.
int apus_entropy(void *buffer, size_t length);

typedef struct {
    char name[16];
    apus_address address;
    uint8_t is_loopback;
} apus_interface;
/// Addresses of the interfaces that are up; how many were written.
int apus_interfaces(apus_interface *entries, unsigned capacity);

// Threads and memory

/// Starts a detached thread; 0, or -errno.
int apus_thread_start(void (*body)(void *context), void *context, const char *name);
/// Zeroed memory in whole pages that a later process can be handed (a memory file), or NULL.
void *_Nullable apus_memory_map(size_t length, int *fd);
/// The memory of a file that another process made, if it has at least `length` bytes, or NULL.
void *_Nullable apus_memory_adopt(size_t length, int fd);
void apus_memory_unmap(void *memory, size_t length, int fd);

// Signals

/// Unblocks every signal on this thread and returns the old mask, to be given back. A child inherits
/// its creator's mask, and the runtime's own threads block nearly all.
uint64_t apus_signals_unblock(void);
void apus_signals_restore(uint64_t mask);

#pragma clang assume_nonnull end

#include "CLinuxMulticast.h"
#include "CLinuxProcess.h"
#include "CLinuxStreams.h"
#include "CLinuxTrains.h"

#endif
