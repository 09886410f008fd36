#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* ---- STUN (begin): MESSAGE-INTEGRITY, RFC 8489 section 14.5 ---- */
#include <stdint.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

/* HMAC-SHA1 over the first `covered` bytes of a message whose length field reads `declared`.
   The message itself stays as it is. 0 when it is too long or OpenSSL refuses. */
static inline int apus_stun_hmac_sha1(const void *key, size_t key_length, const void *message, size_t covered,
                                      uint16_t declared, uint8_t tag[20]) {
    unsigned char copy[2048];
    unsigned int length = 0;
    if (covered < 20 || covered > sizeof copy || key_length > 1024) return 0;
    memcpy(copy, message, covered);
    copy[2] = (unsigned char)(declared >> 8);
    copy[3] = (unsigned char)declared;
    if (HMAC(EVP_sha1(), key, (int)key_length, copy, covered, tag, &length) == NULL) return 0;
    return length == 20;
}

/* Constant-time equality. */
static inline int apus_stun_equal(const void *left, const void *right, size_t length) {
    return CRYPTO_memcmp(left, right, length) == 0;
}
/* ---- STUN (end) ---- */

// ---- DTLS -------------------------------------------------------------------------------------
// Function-like macros and variadic functions, which Swift does not import.

#include <openssl/ec.h>
#include <openssl/srtp.h>

/// A new P-256 key (FIPS 186-4), or NULL.
static inline EVP_PKEY *apus_dtls_new_key(void) { return EVP_EC_gen("P-256"); }

static inline int apus_dtls_accept_any(int preverified, X509_STORE_CTX *store) {
    (void)preverified;
    (void)store;
    return 1;
}

/// A DTLS 1.2 context for both roles, or NULL. It asks for the peer's certificate and accepts any: who the
/// peer is decides the fingerprint (RFC 5763 section 5), which the caller compares.
static inline SSL_CTX *apus_dtls_new_context(X509 *certificate, EVP_PKEY *key, const char *ciphers,
                                             const char *groups, const char *srtp_profiles,
                                             long max_certificate_bytes) {
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, max_certificate_bytes);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, apus_dtls_accept_any);
    if (SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers) != 1 || SSL_CTX_set1_groups_list(context, groups) != 1 ||
        SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1 ||
        (srtp_profiles != NULL && SSL_CTX_set_tlsext_use_srtp(context, srtp_profiles) != 0)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static inline void apus_dtls_set_mtu(SSL *ssl, long mtu) { (void)SSL_set_mtu(ssl, mtu); }

static inline void apus_dtls_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void apus_dtls_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

/// Code point of the SRTP profile that the handshake chose (RFC 5764 section 4.1.2), or 0.
static inline uint16_t apus_dtls_srtp_profile(SSL *ssl) {
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    return profile == NULL ? 0 : (uint16_t)profile->id;
}

// ---- SRTP -------------------------------------------------------------------------------------
// One call per packet, no allocation: contexts keep their key schedule and take a new IV each time.

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/// HMAC-SHA1 (RFC 2104) with the key already absorbed: two SHA-1 states, copied for every tag.
typedef struct apus_srtp_hmac {
    SHA_CTX inner;
    SHA_CTX outer;
} apus_srtp_hmac;

static inline apus_srtp_hmac *apus_srtp_new_hmac(const uint8_t *key, size_t length) {
    uint8_t block[SHA_CBLOCK] = {0};
    if (length > sizeof block) return NULL;
    apus_srtp_hmac *hmac = (apus_srtp_hmac *)calloc(1, sizeof *hmac);
    if (hmac == NULL) return NULL;
    memcpy(block, key, length);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36;
    SHA1_Init(&hmac->inner);
    SHA1_Update(&hmac->inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&hmac->outer);
    SHA1_Update(&hmac->outer, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
    return hmac;
}

static inline void apus_srtp_free_hmac(apus_srtp_hmac *hmac) {
    if (hmac == NULL) return;
    OPENSSL_cleanse(hmac, sizeof *hmac);
    free(hmac);
}

/// Tag of `data` followed by `suffix` in network order, when `with_suffix` is set.
static inline void apus_srtp_hmac_tag(const apus_srtp_hmac *hmac, const void *data, size_t length,
                                      int with_suffix, uint32_t suffix, uint8_t *tag, size_t tag_length) {
    uint8_t digest[SHA_DIGEST_LENGTH];
    SHA_CTX state = hmac->inner;
    SHA1_Update(&state, data, length);
    if (with_suffix) {
        const uint8_t bytes[4] = {(uint8_t)(suffix >> 24), (uint8_t)(suffix >> 16), (uint8_t)(suffix >> 8),
                                  (uint8_t)suffix};
        SHA1_Update(&state, bytes, sizeof bytes);
    }
    SHA1_Final(digest, &state);
    state = hmac->outer;
    SHA1_Update(&state, digest, sizeof digest);
    SHA1_Final(digest, &state);
    memcpy(tag, digest, tag_length < sizeof digest ? tag_length : sizeof digest);
}

/// AES with the given key: counter mode for 0, GCM for 1. Keys of 16 or 32 bytes. NULL on failure.
static inline EVP_CIPHER_CTX *apus_srtp_new_cipher(int gcm, int encrypt, const uint8_t *key, size_t key_length) {
    const EVP_CIPHER *cipher = NULL;
    if (key_length == 16) cipher = gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
    if (key_length == 32) cipher = gcm ? EVP_aes_256_gcm() : EVP_aes_256_ctr();
    if (cipher == NULL) return NULL;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) return NULL;
    const uint8_t iv[16] = {0};
    if (EVP_CipherInit_ex(context, cipher, NULL, key, iv, encrypt) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static inline void apus_srtp_store_iv(uint8_t *iv, uint64_t high, uint64_t low) {
    for (int i = 0; i < 8; i++) {
        iv[i] = (uint8_t)(high >> (56 - 8 * i));
        iv[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
}

/// XORs the keystream that starts at the 128-bit counter high:low onto `data`. 1 on success.
static inline int apus_srtp_counter_mode(EVP_CIPHER_CTX *context, uint64_t high, uint64_t low, uint8_t *data,
                                         int length) {
    uint8_t iv[16];
    int written = 0;
    apus_srtp_store_iv(iv, high, low);
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, iv, -1) != 1) return 0;
    return length == 0 || EVP_CipherUpdate(context, data, &written, data, length) == 1;
}

/// Seals or opens `data` in place, as the context was made; the nonce is high followed by the upper half of
/// low. `tag` has 16 bytes, written when sealing and checked when opening. 1 on success, 0 for a bad tag.
static inline int apus_srtp_gcm(EVP_CIPHER_CTX *context, int encrypt, uint64_t high, uint64_t low,
                                const uint8_t *aad, int aad_length, const uint8_t *aad_tail, int aad_tail_length,
                                uint8_t *data, int length, uint8_t *tag) {
    uint8_t iv[16], rest[16];
    int written = 0;
    apus_srtp_store_iv(iv, high, low);
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, iv, -1) != 1) return 0;
    if (!encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) != 1) return 0;
    if (EVP_CipherUpdate(context, NULL, &written, aad, aad_length) != 1) return 0;
    if (aad_tail_length > 0 && EVP_CipherUpdate(context, NULL, &written, aad_tail, aad_tail_length) != 1) return 0;
    if (length > 0 && EVP_CipherUpdate(context, data, &written, data, length) != 1) return 0;
    if (EVP_CipherFinal_ex(context, rest, &written) != 1) return 0;
    return !encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}
