// Between apus_address and what the kernel takes. Private to this module.
#ifndef APUS_CLINUX_ADDRESS_H
#define APUS_CLINUX_ADDRESS_H

#include "CLinux.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static inline socklen_t to_sockaddr(const apus_address *address, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address->is_ipv4) {
        struct sockaddr_in *in = (struct sockaddr_in *)storage;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        in->sin_addr.s_addr = htonl((uint32_t)address->low);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address->port);
    for (int i = 0; i < 8; i++) {
        in6->sin6_addr.s6_addr[i] = (uint8_t)(address->high >> (56 - 8 * i));
        in6->sin6_addr.s6_addr[8 + i] = (uint8_t)(address->low >> (56 - 8 * i));
    }
    return sizeof *in6;
}

static inline apus_address from_sockaddr(const struct sockaddr *address) {
    apus_address result = {0};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        result.low = ntohl(in->sin_addr.s_addr);
        result.port = ntohs(in->sin_port);
        result.is_ipv4 = 1;
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        for (int i = 0; i < 8; i++) {
            result.high = result.high << 8 | in6->sin6_addr.s6_addr[i];
            result.low = result.low << 8 | in6->sin6_addr.s6_addr[8 + i];
        }
        result.port = ntohs(in6->sin6_port);
    }
    return result;
}

#endif
