#ifndef APUS_ALLOCATION_COUNT_H
#define APUS_ALLOCATION_COUNT_H

#include <stdint.h>

// Counts what the calling thread allocates, by standing in front of glibc's malloc and its relatives.
// Linking this target into an executable is enough; threads that do not count pay one branch.

/// Starts at zero and counts on this thread.
void apus_allocation_count_start(void);

/// Stops, and returns the number of blocks that were allocated or moved on this thread since.
uint64_t apus_allocation_count_stop(void);

/// Blocks allocated less blocks freed on this thread since the last start.
int64_t apus_allocation_count_balance(void);

/// Whether counting works here: not under a sanitizer that brings a malloc of its own, or without glibc.
int apus_allocation_count_is_available(void);

/// The different stacks of the first allocations since the last start, as text, in a buffer of `capacity` bytes.
void apus_allocation_count_describe(char *buffer, uint64_t capacity);

#endif
