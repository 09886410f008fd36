#define _GNU_SOURCE
#include "CLinuxTrains.h"

#include "address.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

int apus_train_socket(const apus_address *address, int receive_buffer, int send_buffer) {
    int fd = apus_udp_open(address, receive_buffer, send_buffer);
    if (fd < 0) return fd;
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

struct entry {
    struct iovec vector;
    struct sockaddr_storage address;
    union {
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } control;
};

struct apus_trains {
    unsigned count;
    char *memory;
    struct mmsghdr *headers;
    struct entry *entries;
};

apus_trains *apus_trains_create(unsigned count, size_t bytes) {
    apus_trains *trains = calloc(1, sizeof *trains);
    if (!trains) return NULL;
    trains->count = count;
    trains->memory = malloc(count * bytes);
    trains->headers = calloc(count, sizeof *trains->headers);
    trains->entries = calloc(count, sizeof *trains->entries);
    if (!trains->memory || !trains->headers || !trains->entries) {
        apus_trains_destroy(trains);
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        struct entry *entry = &trains->entries[i];
        entry->vector.iov_base = trains->memory + i * bytes;
        entry->vector.iov_len = bytes;
        trains->headers[i].msg_hdr.msg_iov = &entry->vector;
        trains->headers[i].msg_hdr.msg_iovlen = 1;
        trains->headers[i].msg_hdr.msg_name = &entry->address;
        trains->headers[i].msg_hdr.msg_control = &entry->control;
    }
    return trains;
}

void apus_trains_destroy(apus_trains *trains) {
    free(trains->memory);
    free(trains->headers);
    free(trains->entries);
    free(trains);
}

int apus_trains_receive(apus_trains *trains, int fd) {
    for (unsigned i = 0; i < trains->count; i++) {
        trains->headers[i].msg_hdr.msg_namelen = sizeof trains->entries[i].address;
        trains->headers[i].msg_hdr.msg_controllen = sizeof trains->entries[i].control;
        trains->headers[i].msg_hdr.msg_flags = 0;
    }
    int received = recvmmsg(fd, trains->headers, trains->count, MSG_DONTWAIT, NULL);
    return received < 0 ? -errno : received;
}

apus_train apus_trains_entry(apus_trains *trains, unsigned index) {
    struct msghdr *header = &trains->headers[index].msg_hdr;
    apus_train train = {
        .bytes = trains->entries[index].vector.iov_base,
        .length = trains->headers[index].msg_len,
        .segment = trains->headers[index].msg_len,
    };
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(part), sizeof segment);
            if (segment > 0) train.segment = (size_t)segment;
        } else if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(part), sizeof time);
            train.arrival = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
        }
    }
    return train;
}

apus_address apus_trains_source(const apus_trains *trains, unsigned index) {
    return from_sockaddr((const struct sockaddr *)&trains->entries[index].address);
}

int apus_train_send(int fd, const apus_address *destination, const void *bytes, size_t length, unsigned segment) {
    struct sockaddr_storage storage;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = {.msg_name = &storage, .msg_iov = &vector, .msg_iovlen = 1};
    message.msg_namelen = to_sockaddr(destination, &storage);
    if (segment < length) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = IPPROTO_UDP;
        part->cmsg_type = UDP_SEGMENT;
        part->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)segment;
        memcpy(CMSG_DATA(part), &size, sizeof size);
    }
    ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : 0;
}

int64_t apus_socket_drops(int fd) {
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof values;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &length) != 0) return -errno;
    return values[SK_MEMINFO_DROPS];
}

int apus_source_towards(const apus_address *remote, apus_address *source) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(remote, &storage);
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int result = connect(fd, (struct sockaddr *)&storage, length) != 0 ? -errno : 0;
    length = sizeof storage;
    if (result == 0 && getsockname(fd, (struct sockaddr *)&storage, &length) != 0) result = -errno;
    close(fd);
    if (result != 0) return result;
    *source = from_sockaddr((const struct sockaddr *)&storage);
    source->port = 0;
    return 0;
}

int apus_epoll_wait_ns(int epoll, uint64_t *tokens, unsigned capacity, uint64_t timeout_ns) {
    struct epoll_event events[64];
    int wanted = capacity < 64 ? (int)capacity : 64;
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int ready = epoll_pwait2(epoll, events, wanted, &timeout, NULL);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < ready; i++) tokens[i] = events[i].data.u64;
    return ready;
}

int apus_epoll_remove(int epoll, int fd) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) != 0 ? -errno : 0;
}

uint64_t apus_thread_cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
