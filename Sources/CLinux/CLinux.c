#define _GNU_SOURCE
#include "CLinux.h"

#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int apus_udp_open(const apus_address *address, int receive_buffer, int send_buffer) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(address, &storage);
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1;
    if (!address->is_ipv4) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    // The forced form passes net.core.*mem_max when we are privileged; otherwise the plain one is capped.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int apus_local_port(int fd) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) != 0) return -errno;
    return from_sockaddr((struct sockaddr *)&storage).port;
}

void apus_close(int fd) { close(fd); }

// Room for one control message: the segment size, 16 bits on the way out and an int on the way in.
typedef union {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
} segment_control;

struct apus_batch {
    unsigned capacity;
    struct mmsghdr *headers;
    struct iovec *vectors;
    struct sockaddr_storage *addresses;
    segment_control *controls;
};

apus_batch *apus_batch_create(unsigned capacity) {
    apus_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->capacity = capacity;
    batch->headers = calloc(capacity, sizeof *batch->headers);
    batch->vectors = calloc(capacity, sizeof *batch->vectors);
    batch->addresses = calloc(capacity, sizeof *batch->addresses);
    batch->controls = calloc(capacity, sizeof *batch->controls);
    if (!batch->headers || !batch->vectors || !batch->addresses || !batch->controls) {
        apus_batch_destroy(batch);
        return NULL;
    }
    for (unsigned i = 0; i < capacity; i++) {
        batch->headers[i].msg_hdr.msg_iov = &batch->vectors[i];
        batch->headers[i].msg_hdr.msg_iovlen = 1;
        batch->headers[i].msg_hdr.msg_name = &batch->addresses[i];
    }
    return batch;
}

void apus_batch_destroy(apus_batch *batch) {
    free(batch->headers);
    free(batch->vectors);
    free(batch->addresses);
    free(batch->controls);
    free(batch);
}

void apus_batch_set_buffer(apus_batch *batch, unsigned index, void *buffer, size_t length) {
    batch->vectors[index].iov_base = buffer;
    batch->vectors[index].iov_len = length;
}

void apus_batch_set_destination(apus_batch *batch, unsigned index, const apus_address *destination) {
    batch->headers[index].msg_hdr.msg_namelen = to_sockaddr(destination, &batch->addresses[index]);
}

void apus_batch_set_train(apus_batch *batch, unsigned index, void *buffer, size_t length, size_t segment) {
    struct msghdr *message = &batch->headers[index].msg_hdr;
    batch->vectors[index].iov_base = buffer;
    batch->vectors[index].iov_len = length;
    if (segment >= length) {
        message->msg_control = NULL;
        message->msg_controllen = 0;
        return;
    }
    const uint16_t size = (uint16_t)segment;
    segment_control *control = &batch->controls[index];
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof size);
    control->header.cmsg_level = IPPROTO_UDP;
    control->header.cmsg_type = UDP_SEGMENT;
    control->header.cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(&control->header), &size, sizeof size);
}

int apus_batch_receive(apus_batch *batch, int fd, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        struct msghdr *message = &batch->headers[i].msg_hdr;
        message->msg_namelen = sizeof batch->addresses[i];
        message->msg_control = &batch->controls[i];
        message->msg_controllen = sizeof batch->controls[i];
        message->msg_flags = 0;
    }
    int received = recvmmsg(fd, batch->headers + first, count, MSG_DONTWAIT, NULL);
    return received < 0 ? -errno : received;
}

size_t apus_batch_segment(const apus_batch *batch, unsigned index) {
    struct msghdr *message = &batch->headers[index].msg_hdr;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
        int size;
        memcpy(&size, CMSG_DATA(control), sizeof size);
        if (size > 0) return (size_t)size;
    }
    return batch->headers[index].msg_len;
}

size_t apus_batch_length(const apus_batch *batch, unsigned index) { return batch->headers[index].msg_len; }

int apus_batch_was_truncated(const apus_batch *batch, unsigned index) {
    return (batch->headers[index].msg_hdr.msg_flags & MSG_TRUNC) != 0;
}

apus_address apus_batch_source(const apus_batch *batch, unsigned index) {
    return from_sockaddr((const struct sockaddr *)&batch->addresses[index]);
}

int apus_batch_send(apus_batch *batch, int fd, unsigned first, unsigned count) {
    int sent = sendmmsg(fd, batch->headers + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int apus_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int apus_epoll_add(int epoll, int fd, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 ? -errno : 0;
}

int apus_epoll_wait(int epoll, uint64_t *tokens, unsigned capacity, int timeout_ms) {
    struct epoll_event events[64];
    int wanted = capacity < 64 ? (int)capacity : 64;
    int ready = epoll_wait(epoll, events, wanted, timeout_ms);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < ready; i++) tokens[i] = events[i].data.u64;
    return ready;
}

int apus_eventfd_create(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void apus_eventfd_signal(int fd) {
    uint64_t one = 1;
    // A full counter means that a wake-up is already pending.
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

void apus_eventfd_drain(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t apus_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t apus_wall_clock_ns(void) { return clock_ns(CLOCK_REALTIME); }
uint64_t apus_process_cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t apus_raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

uint64_t apus_resident_memory(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    unsigned long total = 0, resident = 0;
    int fields = fscanf(file, "%lu %lu", &total, &resident);
    fclose(file);
    return fields == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

int apus_entropy(void *buffer, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t got = getrandom((char *)buffer + done, length - done, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        done += (size_t)got;
    }
    return 0;
}

int apus_interfaces(apus_interface *entries, unsigned capacity) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) return -errno;
    unsigned count = 0;
    for (struct ifaddrs *entry = list; entry && count < capacity; entry = entry->ifa_next) {
        if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP)) continue;
        int family = entry->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        apus_interface *out = &entries[count++];
        memset(out, 0, sizeof *out);
        strncpy(out->name, entry->ifa_name, sizeof out->name - 1);
        out->address = from_sockaddr(entry->ifa_addr);
        out->is_loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    }
    freeifaddrs(list);
    return (int)count;
}

struct thread_start {
    void (*body)(void *);
    void *context;
    char name[16];
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int apus_thread_start(void (*body)(void *), void *context, const char *name) {
    struct thread_start *start = calloc(1, sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_attr_destroy(&attributes);
    if (error != 0) free(start);
    return -error;
}

void *apus_memory_map(size_t length, int *fd) {
    int file = memfd_create("apus-slabs", MFD_CLOEXEC);
    if (file < 0) return NULL;
    if (ftruncate(file, (off_t)length) != 0) {
        close(file);
        return NULL;
    }
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        close(file);
        return NULL;
    }
    *fd = file;
    return memory;
}

void *apus_memory_adopt(size_t length, int fd) {
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0 || (size_t)size < length) return NULL;
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void apus_memory_unmap(void *memory, size_t length, int fd) {
    munmap(memory, length);
    close(fd);
}

uint64_t apus_signals_unblock(void) {
    sigset_t none, old;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &old);
    uint64_t mask = 0;
    for (int signal = 1; signal < 64; signal++)
        if (sigismember(&old, signal) == 1) mask |= (uint64_t)1 << signal;
    return mask;
}

void apus_signals_restore(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal = 1; signal < 64; signal++)
        if (mask >> signal & 1) sigaddset(&set, signal);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}
