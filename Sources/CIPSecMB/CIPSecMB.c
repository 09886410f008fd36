#include "CIPSecMB.h"

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)

#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Only its function pointers are used, which is safe from any thread: GCM's state is the caller's.
static IMB_MGR *manager;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void) {
    IMB_MGR *fresh = alloc_mb_mgr(0);
    if (fresh == NULL) return;
    IMB_ARCH architecture = IMB_ARCH_NONE;
    init_mb_mgr_auto(fresh, &architecture);
    const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    if (architecture == IMB_ARCH_NONE || architecture == IMB_ARCH_NOAESNI || imb_get_errno(fresh) != 0 ||
        (fresh->features & needed) != needed || (fresh->features & IMB_FEATURE_AESNI_EMU) != 0) {
        free_mb_mgr(fresh);
        return;
    }
    manager = fresh;
}

int apus_ipsecmb_is_available(void) {
    pthread_once(&once, start);
    return manager != NULL;
}

struct apus_ipsecmb_key {
    struct gcm_key_data data;
    int is_256;
};

apus_ipsecmb_key *apus_ipsecmb_new_key(const uint8_t *key, size_t length) {
    if (!apus_ipsecmb_is_available() || (length != 16 && length != 32)) return NULL;
    struct apus_ipsecmb_key *result = NULL;
    if (posix_memalign((void **)&result, 64, sizeof *result) != 0) return NULL;
    result->is_256 = length == 32;
    if (result->is_256)
        IMB_AES256_GCM_PRE(manager, key, &result->data);
    else
        IMB_AES128_GCM_PRE(manager, key, &result->data);
    return result;
}

void apus_ipsecmb_free_key(apus_ipsecmb_key *key) {
    if (key == NULL) return;
    imb_clear_mem(key, sizeof *key);
    free(key);
}

// What a SRTP header or a RTCP header with its index takes at most: 12 + 15 * 4 + 4 + 65535 * 4 is more than any
// datagram, so that longer headers without a tail are passed as they are.
enum { AAD_WITH_TAIL = 64 };

static const uint8_t *join(const uint8_t *aad, size_t *length, const uint8_t *tail, uint8_t *joined) {
    if (tail == NULL) return aad;
    if (*length > AAD_WITH_TAIL - 4) return NULL;
    memcpy(joined, aad, *length);
    memcpy(joined + *length, tail, 4);
    *length += 4;
    return joined;
}

static void store_nonce(uint8_t *nonce, uint64_t high, uint64_t low) {
    high = __builtin_bswap64(high);
    const uint32_t rest = __builtin_bswap32((uint32_t)(low >> 32));
    memcpy(nonce, &high, 8);
    memcpy(nonce + 8, &rest, 4);
}

int apus_ipsecmb_seal(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *tail, uint8_t *data, size_t length, uint8_t *tag) {
    uint8_t nonce[12], joined[AAD_WITH_TAIL];
    struct gcm_context_data context;
    if ((aad = join(aad, &aad_length, tail, joined)) == NULL) return 0;
    store_nonce(nonce, high, low);
    if (key->is_256)
        IMB_AES256_GCM_ENC(manager, &key->data, &context, data, data, length, nonce, aad, aad_length, tag, 16);
    else
        IMB_AES128_GCM_ENC(manager, &key->data, &context, data, data, length, nonce, aad, aad_length, tag, 16);
    return 1;
}

int apus_ipsecmb_open(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *tail, uint8_t *data, size_t length, const uint8_t *tag) {
    uint8_t nonce[12], joined[AAD_WITH_TAIL], expected[16];
    struct gcm_context_data context;
    if ((aad = join(aad, &aad_length, tail, joined)) == NULL) return 0;
    store_nonce(nonce, high, low);
    if (key->is_256)
        IMB_AES256_GCM_DEC(manager, &key->data, &context, data, data, length, nonce, aad, aad_length, expected, 16);
    else
        IMB_AES128_GCM_DEC(manager, &key->data, &context, data, data, length, nonce, aad, aad_length, expected, 16);
    uint8_t difference = 0;
    for (int i = 0; i < 16; i++) difference |= expected[i] ^ tag[i];
    return difference == 0;
}

#else

int apus_ipsecmb_is_available(void) { return 0; }
apus_ipsecmb_key *apus_ipsecmb_new_key(const uint8_t *key, size_t length) { return NULL; }
void apus_ipsecmb_free_key(apus_ipsecmb_key *key) {}
int apus_ipsecmb_seal(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *tail, uint8_t *data, size_t length, uint8_t *tag) {
    return 0;
}
int apus_ipsecmb_open(const apus_ipsecmb_key *key, uint64_t high, uint64_t low, const uint8_t *aad,
                      size_t aad_length, const uint8_t *tail, uint8_t *data, size_t length, const uint8_t *tag) {
    return 0;
}

#endif
