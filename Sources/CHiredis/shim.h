// hiredis with what Swift cannot import or what needs more than one call. No policy here.
#ifndef APUS_CHIREDIS_H
#define APUS_CHIREDIS_H

#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static inline struct timeval apus_redis_timeval(int milliseconds) {
    struct timeval time;
    time.tv_sec = milliseconds / 1000;
    time.tv_usec = (milliseconds % 1000) * 1000;
    return time;
}

/// A connected or failed context; NULL only without memory. The caller frees it.
static inline redisContext *apus_redis_connect_tcp(const char *host, int port, int timeout_ms) {
    return redisConnectWithTimeout(host, port, apus_redis_timeval(timeout_ms));
}

static inline redisContext *apus_redis_connect_unix(const char *path, int timeout_ms) {
    return redisConnectUnixWithTimeout(path, apus_redis_timeval(timeout_ms));
}

/// Bounds each read and write on the connection.
static inline int apus_redis_set_timeout(redisContext *context, int timeout_ms) {
    return redisSetTimeout(context, apus_redis_timeval(timeout_ms));
}

static inline const char *apus_redis_error(const redisContext *context) { return context->errstr; }

/// The next answer, waiting for it; NULL when the connection failed.
static inline redisReply *apus_redis_reply(redisContext *context) {
    void *reply = NULL;
    return redisGetReply(context, &reply) == REDIS_OK ? (redisReply *)reply : NULL;
}

static inline const redisReply *apus_redis_element(const redisReply *reply, size_t index) {
    return index < reply->elements ? reply->element[index] : NULL;
}

/// Whether the peer closed the connection, or anything came that nobody asked for. Does not wait.
static inline int apus_redis_is_stale(const redisContext *context) {
    char byte;
    ssize_t count = recv(context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/// Ends a read that another thread waits in.
static inline void apus_redis_shutdown(int fd) { shutdown(fd, SHUT_RDWR); }

/// hiredis writes with write(2): without this a closed connection would end the process.
static inline void apus_redis_block_sigpipe(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

#endif
