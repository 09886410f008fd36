#define _GNU_SOURCE
#include "CLinuxMulticast.h"

#include "address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t leading_bits(const struct sockaddr *mask) {
    const uint8_t *bytes;
    unsigned count;
    if (mask->sa_family == AF_INET) {
        bytes = (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr;
        count = 4;
    } else {
        bytes = (const uint8_t *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
        count = 16;
    }
    uint8_t bits = 0;
    while (bits < count * 8 && bytes[bits / 8] >> (7 - bits % 8) & 1) bits++;
    return bits;
}

int apus_link_of(const apus_address *address, apus_link *link) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) return -errno;
    int result = -EADDRNOTAVAIL;
    for (struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || !entry->ifa_netmask) continue;
        if (entry->ifa_addr->sa_family != (address->is_ipv4 ? AF_INET : AF_INET6)) continue;
        apus_address own = from_sockaddr(entry->ifa_addr);
        if (own.high != address->high || own.low != address->low) continue;
        link->interface = if_nametoindex(entry->ifa_name);
        link->prefix = leading_bits(entry->ifa_netmask);
        result = link->interface ? 0 : -errno;
        break;
    }
    freeifaddrs(list);
    return result;
}

// Closes the socket unless all went well.
static int finish(int fd, int failed) {
    if (!failed) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int apus_multicast_sender(const apus_address *address, uint32_t interface) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(address, &storage);
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int hops = 255, failed;
    if (address->is_ipv4) {
        struct ip_mreqn request = {.imr_ifindex = (int)interface};
        failed = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) != 0
            || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) != 0;
    } else {
        int one = 1, index = (int)interface;
        failed = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0
            || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) != 0
            || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) != 0;
    }
    return finish(fd, failed || bind(fd, (struct sockaddr *)&storage, length) != 0);
}

int apus_multicast_listener(const apus_address *group, uint32_t interface) {
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(group, &storage);
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1, zero = 0;
    // Others listen on the port too, and each gets what comes to the group.
    int failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0;
    if (group->is_ipv4) {
        struct ip_mreqn request = {.imr_ifindex = (int)interface};
        request.imr_multiaddr = ((struct sockaddr_in *)&storage)->sin_addr;
        // Without the second option it would hear what other sockets of the host have joined.
        failed = failed || setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0
            || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof zero) != 0;
    } else {
        struct ipv6_mreq request = {.ipv6mr_interface = interface};
        request.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&storage)->sin6_addr;
        ((struct sockaddr_in6 *)&storage)->sin6_scope_id = interface;
        failed = failed || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0
            || setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request) != 0;
    }
    return finish(fd, failed || bind(fd, (struct sockaddr *)&storage, length) != 0);
}
