// AES-GCM by libipsec-mb, where the processor and the build have it. No policy here.
#ifndef APUS_CIPSECMB_H
#define APUS_CIPSECMB_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Whether this build has the library and this processor AES and carry-less multiplication. Decided once.
int apus_ipsecmb_is_available(void);

/// One AES key with its schedule and hash powers, about 1 KiB.
typedef struct apus_ipsecmb_key apus_ipsecmb_key;
/// The key of 16 or 32 bytes, or NULL.
apus_ipsecmb_key *_Nullable apus_ipsecmb_new_key(const uint8_t *key, size_t length);
/// Wipes and frees; NULL is nothing.
void apus_ipsecmb_free_key(apus_ipsecmb_key *_Nullable key);

/// Seals `length` bytes in place and writes the tag of 16 bytes; the nonce is `high` and the upper half of `low`.
/// The authenticated data are `aad` and, if not NULL, the four bytes at `tail`. 1, or 0 for bad lengths.
int apus_ipsecmb_seal(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *_Nullable tail, uint8_t *data, size_t length,
                      uint8_t *tag);
/// Opens in place. 1, or 0 for a tag that is not theirs, after which the data are garbage. Takes the same time
/// whichever byte differs.
int apus_ipsecmb_open(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *_Nullable tail, uint8_t *data, size_t length,
                      const uint8_t *tag);

#pragma clang assume_nonnull end
#endif
