#ifndef APUS_CPREFETCH_H
#define APUS_CPREFETCH_H

#include <stddef.h>

/// Has the processor begin to load `count` bytes that will be written to, and does not wait for them.
static inline void apus_prefetch(const void *_Nonnull start, size_t count) {
    const char *byte = (const char *)start;
    for (size_t offset = 0; offset < count; offset += 64) __builtin_prefetch(byte + offset, 1, 3);
}

#endif
