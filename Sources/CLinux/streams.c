#define _GNU_SOURCE
#include "CLinux.h"

#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

// Bytes that the kernel holds unsent at most. What waits longer waits with us, who can drop whole packets.
static const int unsent_bytes = 32 * 1024;

static int closed_with_errno(int fd) {
    int error = errno;
    close(fd);
    return -error;
}

static void set_options(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

int apus_stream_listen(const apus_address *address, int backlog) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(address, &storage);
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1;
    if (!address->is_ipv4) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    // Connections of a predecessor linger in TIME_WAIT; a living listener still keeps the port.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) != 0 || listen(fd, backlog) != 0) return closed_with_errno(fd);
    return fd;
}

int apus_stream_accept(int listener, apus_address *remote) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    set_options(fd);
    *remote = from_sockaddr((struct sockaddr *)&storage);
    return fd;
}

int apus_stream_connect(const apus_address *local, const apus_address *remote) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(local, &storage);
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&storage, length) != 0) return closed_with_errno(fd);
    set_options(fd);
    length = to_sockaddr(remote, &storage);
    if (connect(fd, (struct sockaddr *)&storage, length) != 0 && errno != EINPROGRESS) return closed_with_errno(fd);
    return fd;
}

int apus_stream_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
    return -error;
}

long apus_stream_read(int fd, void *bytes, size_t length) {
    ssize_t count = recv(fd, bytes, length, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}

long apus_stream_write(int fd, const void *bytes, size_t length) {
    ssize_t count = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? -errno : count;
}

int apus_duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

int apus_epoll_watch_writes(int epoll, int fd, uint64_t token, int wanted) {
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0u), .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0 ? -errno : 0;
}
