#pragma once
#include <stddef.h>
#include <stdint.h>

/// Fills `bytes` with what stands for random numbers.
typedef void (*apus_random_source)(void *_Nullable context, uint8_t *_Nonnull bytes, size_t count);

/// Makes all of OpenSSL in this process ask for its random numbers here. A thread that has set no source gets OpenSSL's
/// own, as before. Again, it changes nothing. 1 on success.
int apus_seeded_random_install(void);

/// The calling thread's source from now on; NULL for none.
void apus_seeded_random_set(apus_random_source _Nullable source, void *_Nullable context);
