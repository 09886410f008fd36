// TCP sockets without waiting, for ICE over TCP.
#ifndef APUS_CLINUX_STREAMS_H
#define APUS_CLINUX_STREAMS_H

#include "CLinux.h"

#pragma clang assume_nonnull begin

/// A non-blocking TCP socket that listens on `address` (IPV6_V6ONLY for IPv6), or -errno.
int apus_stream_listen(const apus_address *address, int backlog);
/// The next connection that waits, non-blocking, with its peer's address; or -errno.
int apus_stream_accept(int listener, apus_address *remote);
/// A connection from `local` (any port) to `remote` on its way; writable when it is there. Or -errno.
int apus_stream_connect(const apus_address *local, const apus_address *remote);
/// The socket's pending error: 0, or -errno.
int apus_stream_error(int fd);
/// What has come, at most `length` bytes: how many, 0 at the stream's end, or -errno.
long apus_stream_read(int fd, void *bytes, size_t length);
/// How many of the bytes the kernel took, or -errno.
long apus_stream_write(int fd, const void *bytes, size_t length);
/// Another descriptor of the same connection, or -errno.
int apus_duplicate(int fd);
/// Whether `fd` is also watched for room to write.
int apus_epoll_watch_writes(int epoll, int fd, uint64_t token, int wanted);

#pragma clang assume_nonnull end
#endif
