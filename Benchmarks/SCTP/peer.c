// One end of usrsctp over UDP, as `apus bench sctp` runs it; what `apus bench sctp-end` is for Apus:
//
//     usrsctp send|receive LOCAL-PORT PEER-PORT PACKET MESSAGE WARM-UP WINDOW
//
// Ports on loopback; bytes of a packet and of a message; milliseconds. One thread; each packet is one send() and one
// recv(). Prints what it did within the window as a line of JSON.
#define _GNU_SOURCE
#include "CUSRSCTP/include/CUSRSCTP.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// As in SCTPEnd.swift.
enum { SOCKET_BUFFER = 8 << 20, PACKETS_AT_ONCE = 32, TICK = 10, LONGEST = 16384 };

struct end {
    int fd;
    int is_sender;
    size_t message;
    uint64_t warm_up, window;
    apus_usrsctp *sctp;
    int is_connected, is_over;
    uint64_t numbered;
    uint64_t begin;
    uint64_t cpu;
    uint64_t bytes, packets_sent, packets_received;
};

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "usrsctp: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_packet(void *context, const void *bytes, size_t length) {
    struct end *end = context;
    end->packets_sent++;
    // What the kernel has no room for is lost, as on any path.
    (void)!send(end->fd, bytes, length, MSG_DONTWAIT);
}

static void on_message(void *context, uint16_t stream, uint32_t protocol, const void *bytes, size_t length) {
    struct end *end = context;
    uint64_t number;
    (void)stream;
    (void)protocol;
    memcpy(&number, bytes, sizeof(number));
    if (length != end->message || number != end->numbered) fail("a message is not the one that is next");
    end->numbered++;
    end->bytes += length;
}

static void on_event(void *context, int event, uint16_t stream) {
    struct end *end = context;
    (void)stream;
    if (event == APUS_USRSCTP_CONNECTED) {
        end->is_connected = 1;
        end->begin = nanoseconds(CLOCK_MONOTONIC) + end->warm_up;
    } else {
        end->is_over = 1;
    }
}

static int open_socket(uint16_t local, uint16_t peer) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(local)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) fail("cannot bind");
    address.sin_port = htons(peer);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) fail("cannot connect");
    const int size = SOCKET_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return fd;
}

static void fill(struct end *end, uint8_t *message) {
    const apus_usrsctp_delivery delivery = {.stream = 1, .protocol = 53};
    while (1) {
        memcpy(message, &end->numbered, sizeof(end->numbered));
        if (apus_usrsctp_send(end->sctp, delivery, message, end->message) != 0) return;
        end->numbered++;
        end->bytes += end->message;
    }
}

// What was done before it does not count.
static void begin_window(struct end *end) {
    end->cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    end->bytes = end->packets_sent = end->packets_received = 0;
}

static void report(const struct end *end, uint64_t now) {
    double cpu = (double)(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - end->cpu) / 1e9;
    printf(
        "{\"bytes\":%llu,\"seconds\":%.6f,\"processorSeconds\":%.6f,\"packetsSent\":%llu,\"packetsReceived\":%llu}\n",
        (unsigned long long)end->bytes, (double)(now - end->begin) / 1e9, cpu, (unsigned long long)end->packets_sent,
        (unsigned long long)end->packets_received);
}

static void run(struct end *end, uint8_t *message) {
    uint8_t packet[LONGEST];
    uint64_t ticked = nanoseconds(CLOCK_MONOTONIC), now = ticked;
    uint64_t limit = now + end->warm_up + end->window + 10000000000;
    int is_counting = 0;
    while (!end->is_over && now < limit) {
        int count = 0;
        ssize_t length;
        while (count < PACKETS_AT_ONCE && (length = recv(end->fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
            apus_usrsctp_receive(end->sctp, packet, (size_t)length);
            count++;
        }
        end->packets_received += (uint64_t)count;
        if (end->is_sender && end->is_connected && !end->is_over) fill(end, message);
        now = nanoseconds(CLOCK_MONOTONIC);
        uint64_t passed = (now - ticked) / 1000000;
        if (passed >= TICK) {
            apus_usrsctp_advance((uint32_t)passed);
            ticked += passed * 1000000;
        }
        if (end->is_connected && !is_counting && now >= end->begin) {
            is_counting = 1;
            end->begin = now;
            begin_window(end);
        }
        // The one that receives ends it; the sender hears of it.
        if (is_counting && !end->is_sender && now >= end->begin + end->window) break;
        if (count == 0) {
            struct pollfd wait = {.fd = end->fd, .events = POLLIN};
            poll(&wait, 1, TICK);
        }
    }
    if (!is_counting) fail("there was no connection");
    report(end, now);
}

int main(int count, char **words) {
    if (count != 8) return fprintf(stderr, "Benchmarks/SCTP/peer.c says how to call this\n"), 2;
    const apus_usrsctp_calls calls = {on_packet, on_message, on_event};
    struct end end = {.is_sender = strcmp(words[1], "send") == 0, .message = strtoul(words[5], NULL, 10)};
    end.warm_up = strtoull(words[6], NULL, 10) * 1000000;
    end.window = strtoull(words[7], NULL, 10) * 1000000;
    uint8_t *message = calloc(1, end.message);
    if (!message || end.message < sizeof(uint64_t)) fail("no message");
    end.fd = open_socket((uint16_t)atoi(words[2]), (uint16_t)atoi(words[3]));
    end.sctp = apus_usrsctp_create(5000, strtoul(words[4], NULL, 10), 16, calls, &end);
    if (!end.sctp) fail("usrsctp cannot begin");
    if (end.is_sender) apus_usrsctp_connect(end.sctp);
    run(&end, message);
    apus_usrsctp_destroy(end.sctp);
    return 0;
}
