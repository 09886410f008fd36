#define _GNU_SOURCE
#include "limit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

server limit;

static int usage(void) {
    fprintf(stderr, "usage: limit --port HTTP [--udp PORT] [--no-gso] [--pad BYTES] [--crypto evp|ipsec-mb]\n"
                    "Answers POST /whip/ROOM and POST /whep/ROOM, all in one room; GET /stats.\n");
    return 2;
}

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

int main(int count, char **arguments) {
    static const struct option options[] = {{"port", required_argument, NULL, 'p'}, {"udp", required_argument, NULL, 'u'},
                                            {"no-gso", no_argument, NULL, 'g'},     {"pad", required_argument, NULL, 'a'},
                                            {"crypto", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    int port = 0, udp = 0;
    const char *crypto = NULL;
    limit.use_gso = 1;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'u': udp = atoi(optarg); break;
        case 'g': limit.use_gso = 0; break;
        case 'a': limit.pad = (unsigned)atoi(optarg) & 255; break;
        case 'c': crypto = optarg; break;
        default: return usage();
        }
    }
    if (port <= 0 || port > 65535 || udp < 0 || udp > 65535) return usage();
    // Not PR_SET_PDEATHSIG: that follows the thread that forked.
    const pid_t parent = getppid();
    struct rlimit files = {8192, 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    if (!cipher_choose(crypto)) return fprintf(stderr, "limit: there is no %s here\n", crypto), 1;
    if (!peer_setup()) return fprintf(stderr, "limit: OpenSSL refuses the certificate\n"), 1;
    const int listener = http_open((uint16_t)port), epoll = epoll_create1(EPOLL_CLOEXEC);
    limit.udp = forward_open((uint16_t)udp);
    if (listener < 0 || limit.udp < 0) return perror("limit"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = limit.udp;
    epoll_ctl(epoll, EPOLL_CTL_ADD, limit.udp, &event);
    fprintf(stdout, "limit: %s, %s, udp %u, http %d\n", cipher_name(), limit.use_gso ? "UDP_SEGMENT" : "sendto",
            limit.port, port);
    fflush(stdout);
    for (uint64_t last = now_ms();;) {
        struct epoll_event events[64];
        const int ready = epoll_wait(epoll, events, 64, 100);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == limit.udp) {
                forward_batch();
            } else {
                http_serve(epoll, listener, events[i].data.fd);
            }
        }
        if (now_ms() - last >= 100) {
            peer_timers();
            if (getppid() != parent) return 0;
            last = now_ms();
        }
    }
}
