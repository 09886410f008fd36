// Sockets for link-local multicast: one to send from and one to listen on, for each link.
#ifndef APUS_CLINUX_MULTICAST_H
#define APUS_CLINUX_MULTICAST_H

#include "CLinux.h"

#pragma clang assume_nonnull begin

typedef struct {
    /// The interface's index.
    uint32_t interface;
    /// Leading bits of the address that all addresses on the link share.
    uint8_t prefix;
} apus_link;

/// The link of the interface that has `address`; 0, or -errno.
int apus_link_of(const apus_address *address, apus_link *link);

/// A non-blocking UDP socket on `address`, whose multicast datagrams leave through `interface` with a hop limit of 255;
/// or -errno.
int apus_multicast_sender(const apus_address *address, uint32_t interface);

/// A non-blocking UDP socket that receives what comes to `group` and its port over `interface`, besides other programs
/// that do the same; or -errno.
int apus_multicast_listener(const apus_address *group, uint32_t interface);

#pragma clang assume_nonnull end
#endif
