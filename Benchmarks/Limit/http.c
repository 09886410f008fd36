#define _GNU_SOURCE
#include "limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, REQUEST = 65536 };

/// A request that is still coming in, by descriptor.
typedef struct {
    char *text;
    size_t length;
} connection;

static connection connections[CONNECTIONS];

int http_open(uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) return -1;
    return listener;
}

static void send_all(int socket, const char *text, size_t length) {
    while (length > 0) {
        const ssize_t sent = send(socket, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            usleep(100);
            continue;
        }
        if (sent <= 0) return;
        text += sent;
        length -= (size_t)sent;
    }
}

static void reply(int socket, const char *status, const char *headers, const char *body, size_t length) {
    char head[512];
    const int size = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, length, headers);
    send_all(socket, head, (size_t)size);
    send_all(socket, body, length);
}

static void join(int socket, int is_publisher, const char *offer) {
    static char answer[REQUEST];
    char headers[128];
    peer *made = peer_create(is_publisher);
    const size_t length = made == NULL ? 0 : sdp_answer(made, offer, answer, sizeof answer);
    if (length == 0) {
        if (made != NULL) peer_remove(made);
        return reply(socket, "400 Bad Request", "", "", 0);
    }
    snprintf(headers, sizeof headers, "Content-Type: application/sdp\r\nLocation: /resource/%u\r\nETag: \"%u\"\r\n",
             made->index, made->index);
    reply(socket, "201 Created", headers, answer, length);
}

static void statistics(int socket) {
    char body[512];
    const counters *count = &limit.count;
    const int length = snprintf(
        body, sizeof body,
        "{\"crypto\":\"%s\",\"gso\":%d,\"pad\":%u,\"received\":%lu,\"forwarded\":%lu,\"sends\":%lu,\"ignored\":%lu,"
        "\"unauthentic\":%lu,\"full\":%lu}\n",
        cipher_name(), limit.use_gso, limit.pad, count->received, count->forwarded, count->sends, count->ignored,
        count->unauthentic, count->full);
    reply(socket, "200 OK", "Content-Type: application/json\r\n", body, (size_t)length);
}

static void answer(int socket, const char *head, const char *body) {
    unsigned index = 0;
    if (strncmp(head, "POST /whip/", 11) == 0) return join(socket, 1, body);
    if (strncmp(head, "POST /whep/", 11) == 0) return join(socket, 0, body);
    if (sscanf(head, "DELETE /resource/%u", &index) == 1) {
        if (index < limit.peer_count) peer_remove(&limit.peers[index]);
        return reply(socket, "200 OK", "", "", 0);
    }
    if (strncmp(head, "GET /stats", 10) == 0) return statistics(socket);
    if (strncmp(head, "PATCH ", 6) == 0) return reply(socket, "204 No Content", "", "", 0);
    reply(socket, "404 Not Found", "", "", 0);
}

static void hang_up(int socket) {
    free(connections[socket].text);
    memset(&connections[socket], 0, sizeof connections[socket]);
    close(socket);
}

/// Answers every whole request in the buffer.
static void take_requests(int socket) {
    connection *own = &connections[socket];
    for (;;) {
        own->text[own->length] = 0;
        char *end = strstr(own->text, "\r\n\r\n");
        if (end == NULL) return;
        char *body = end + 4, *field = strcasestr(own->text, "\r\nContent-Length:");
        const size_t length = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
        const size_t whole = (size_t)(body - own->text) + length;
        if (length > REQUEST || own->length < whole) return;
        const char kept = own->text[whole];
        own->text[whole] = 0;
        answer(socket, own->text, body);
        own->text[whole] = kept;
        memmove(own->text, own->text + whole, own->length - whole);
        own->length -= whole;
    }
}

void http_serve(int epoll, int listener, int ready) {
    if (ready == listener) {
        for (int client; (client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
            if (client >= CONNECTIONS || (connections[client].text = malloc(REQUEST + 1)) == NULL) {
                close(client);
                continue;
            }
            epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event);
        }
        return;
    }
    connection *own = &connections[ready];
    const ssize_t count = recv(ready, own->text + own->length, REQUEST - own->length, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return hang_up(ready);
    own->length += (size_t)count;
    take_requests(ready);
    if (own->length == REQUEST) hang_up(ready);
}
