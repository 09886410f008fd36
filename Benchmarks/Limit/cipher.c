#define _GNU_SOURCE
#include "limit.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<intel-ipsec-mb.h>)
#include <intel-ipsec-mb.h>
#define HAS_IPSEC_MB 1
static IMB_MGR *manager;
#endif

static const char *backend = "OpenSSL EVP";

struct cipher {
#ifdef HAS_IPSEC_MB
    struct gcm_key_data key;
#endif
    uint8_t salt[12];
    EVP_CIPHER_CTX *evp;
};

int cipher_choose(const char *force) {
    if (force != NULL && strcmp(force, "evp") == 0) return 1;
#ifdef HAS_IPSEC_MB
    void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW);
    if (library != NULL) {
        IMB_MGR *(*allocate)(uint64_t) = (IMB_MGR * (*)(uint64_t)) dlsym(library, "alloc_mb_mgr");
        void (*initialise)(IMB_MGR *, IMB_ARCH *) = (void (*)(IMB_MGR *, IMB_ARCH *))dlsym(library, "init_mb_mgr_auto");
        if (allocate != NULL && initialise != NULL && (manager = allocate(0)) != NULL) {
            IMB_ARCH architecture = IMB_ARCH_NONE;
            initialise(manager, &architecture);
            if (architecture != IMB_ARCH_NONE && manager->gcm128_enc != NULL) {
                static const char *names[] = {"none", "no AES-NI", "SSE", "AVX", "AVX2", "AVX-512"};
                static char name[48] = "libipsec-mb ";
                strcat(name, (unsigned)architecture < 6 ? names[architecture] : "");
                backend = name;
                return 1;
            }
            manager = NULL;
        }
    }
#endif
    return force == NULL;
}

const char *cipher_name(void) { return backend; }

// RFC 3711 section 4.3.1 with a key derivation rate of 0: one AES block for each of key and salt.
static int derive(const uint8_t master_key[16], const uint8_t master_salt[12], uint8_t label, uint8_t output[16]) {
    uint8_t block[16] = {0};
    int written = 0, done = 0;
    memcpy(block, master_salt, 12);
    block[7] ^= label;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) return 0;
    done = EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, master_key, NULL) == 1 &&
           EVP_EncryptUpdate(context, output, &written, block, 16) == 1 && written == 16;
    EVP_CIPHER_CTX_free(context);
    return done;
}

cipher *cipher_create(const uint8_t master_key[16], const uint8_t master_salt[12], int encrypt) {
    uint8_t key[16], salt[16], iv[12] = {0};
    if (!derive(master_key, master_salt, 0, key) || !derive(master_key, master_salt, 2, salt)) return NULL;
    cipher *made = aligned_alloc(64, (sizeof(cipher) + 63) / 64 * 64);
    if (made == NULL) return NULL;
    memset(made, 0, sizeof *made);
    memcpy(made->salt, salt, 12);
#ifdef HAS_IPSEC_MB
    if (manager != NULL) {
        IMB_AES128_GCM_PRE(manager, key, &made->key);
        return made;
    }
#endif
    made->evp = EVP_CIPHER_CTX_new();
    if (made->evp == NULL || EVP_CipherInit_ex(made->evp, EVP_aes_128_gcm(), NULL, key, iv, encrypt) != 1) {
        cipher_destroy(made);
        return NULL;
    }
    return made;
}

void cipher_destroy(cipher *cipher) {
    if (cipher == NULL) return;
    EVP_CIPHER_CTX_free(cipher->evp);
    free(cipher);
}

// RFC 7714 section 8.1.
static inline void make_iv(const cipher *cipher, uint32_t ssrc, uint32_t roc, const uint8_t *header, uint8_t iv[12]) {
    const uint32_t words[2] = {htonl(ssrc), htonl(roc)};
    iv[0] = iv[1] = 0;
    memcpy(iv + 2, words, 8);
    memcpy(iv + 10, header + 2, 2);
    for (int i = 0; i < 12; i++) iv[i] ^= cipher->salt[i];
}

void cipher_seal(cipher *cipher, uint32_t ssrc, uint32_t roc, const uint8_t *header, size_t header_length,
                 const uint8_t *source, uint8_t *target, size_t length) {
    uint8_t iv[12];
    make_iv(cipher, ssrc, roc, header, iv);
#ifdef HAS_IPSEC_MB
    if (manager != NULL) {
        struct gcm_context_data context;
        IMB_AES128_GCM_ENC(manager, &cipher->key, &context, target, source, length, iv, header, header_length,
                           target + length, LIMIT_TAG);
        return;
    }
#endif
    int written = 0;
    EVP_CipherInit_ex(cipher->evp, NULL, NULL, NULL, iv, -1);
    EVP_CipherUpdate(cipher->evp, NULL, &written, header, (int)header_length);
    EVP_CipherUpdate(cipher->evp, target, &written, source, (int)length);
    EVP_CipherFinal_ex(cipher->evp, target + length, &written);
    EVP_CIPHER_CTX_ctrl(cipher->evp, EVP_CTRL_AEAD_GET_TAG, LIMIT_TAG, target + length);
}

int cipher_open(cipher *cipher, uint32_t ssrc, uint32_t roc, const uint8_t *header, size_t header_length,
                uint8_t *data, size_t length) {
    uint8_t iv[12];
    make_iv(cipher, ssrc, roc, header, iv);
#ifdef HAS_IPSEC_MB
    if (manager != NULL) {
        struct gcm_context_data context;
        uint8_t tag[LIMIT_TAG];
        IMB_AES128_GCM_DEC(manager, &cipher->key, &context, data, data, length, iv, header, header_length, tag,
                           LIMIT_TAG);
        return CRYPTO_memcmp(tag, data + length, LIMIT_TAG) == 0;
    }
#endif
    int written = 0;
    uint8_t rest[16];
    return EVP_CipherInit_ex(cipher->evp, NULL, NULL, NULL, iv, -1) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher->evp, EVP_CTRL_AEAD_SET_TAG, LIMIT_TAG, data + length) == 1 &&
           EVP_CipherUpdate(cipher->evp, NULL, &written, header, (int)header_length) == 1 &&
           EVP_CipherUpdate(cipher->evp, data, &written, data, (int)length) == 1 &&
           EVP_CipherFinal_ex(cipher->evp, rest, &written) == 1;
}
