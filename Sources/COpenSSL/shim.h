#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ---- HMAC-SHA1 --------------------------------------------------------------------------------
// On OpenSSL's SHA-1 itself: its own HMAC looks the algorithm up for every message, which costs more than a check of
// ICE hashes.

/// HMAC-SHA1 (RFC 2104) with the key already absorbed: two SHA-1 states, copied for every tag.
typedef struct apus_hmac_sha1 {
    SHA_CTX inner;
    SHA_CTX outer;
} apus_hmac_sha1;

static inline void apus_hmac_sha1_init(apus_hmac_sha1 *hmac, const void *key, size_t length) {
    uint8_t block[SHA_CBLOCK] = {0};
    if (length > sizeof block)
        SHA1((const uint8_t *)key, length, block);
    else
        memcpy(block, key, length);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36;
    SHA1_Init(&hmac->inner);
    SHA1_Update(&hmac->inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&hmac->outer);
    SHA1_Update(&hmac->outer, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

static inline void apus_hmac_sha1_finish(const apus_hmac_sha1 *hmac, SHA_CTX *state, uint8_t digest[SHA_DIGEST_LENGTH]) {
    SHA1_Final(digest, state);
    *state = hmac->outer;
    SHA1_Update(state, digest, SHA_DIGEST_LENGTH);
    SHA1_Final(digest, state);
}

// ---- STUN: MESSAGE-INTEGRITY, RFC 8489 section 14.5 --------------------------------------------

/// HMAC-SHA1 over the first `covered` bytes of a message as if its length field read `declared`. 0 for a message
/// without a header.
static inline int apus_stun_hmac_sha1(const void *key, size_t key_length, const void *message, size_t covered,
                                      uint16_t declared, uint8_t tag[20]) {
    if (covered < 20) return 0;
    const uint8_t *bytes = (const uint8_t *)message;
    const uint8_t start[4] = {bytes[0], bytes[1], (uint8_t)(declared >> 8), (uint8_t)declared};
    apus_hmac_sha1 hmac;
    apus_hmac_sha1_init(&hmac, key, key_length);
    SHA_CTX state = hmac.inner;
    SHA1_Update(&state, start, sizeof start);
    SHA1_Update(&state, bytes + sizeof start, covered - sizeof start);
    apus_hmac_sha1_finish(&hmac, &state, tag);
    OPENSSL_cleanse(&hmac, sizeof hmac);
    return 1;
}

/// Constant-time equality.
static inline int apus_stun_equal(const void *left, const void *right, size_t length) {
    return CRYPTO_memcmp(left, right, length) == 0;
}

// ---- TURN: long-term credentials, RFC 8489 section 9.2 -----------------------------------------

/// MD5, which the long-term key is made with. 0 when OpenSSL has none.
static inline int apus_turn_md5(const void *data, size_t length, uint8_t digest[16]) {
    return EVP_Q_digest(NULL, "MD5", NULL, data, length, digest, NULL);
}

/// HMAC-SHA1 over anything: passwords and nonces.
static inline void apus_turn_hmac_sha1(const void *key, size_t key_length, const void *data, size_t length,
                                       uint8_t digest[SHA_DIGEST_LENGTH]) {
    apus_hmac_sha1 hmac;
    apus_hmac_sha1_init(&hmac, key, key_length);
    SHA_CTX state = hmac.inner;
    SHA1_Update(&state, data, length);
    apus_hmac_sha1_finish(&hmac, &state, digest);
    OPENSSL_cleanse(&hmac, sizeof hmac);
}

// ---- DTLS -------------------------------------------------------------------------------------
// Function-like macros and variadic functions, which Swift does not import.

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
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

/// Client key, server key, client IV and server IV of an association's records (RFC 5246 section 6.3): 16, 16, 4 and
/// 4 bytes. 0 unless the cipher suite is AES-128-GCM with SHA-256 (RFC 5289).
static inline int apus_dtls_key_block(SSL *ssl, uint8_t block[40]) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    if (cipher == NULL || SSL_CIPHER_get_cipher_nid(cipher) != NID_aes_128_gcm ||
        EVP_MD_get_type(SSL_CIPHER_get_handshake_digest(cipher)) != NID_sha256)
        return 0;
    uint8_t secret[SSL_MAX_MASTER_KEY_LENGTH], seed[13 + 2 * SSL3_RANDOM_SIZE] = "key expansion";
    const size_t length = SSL_SESSION_get_master_key(SSL_get_session(ssl), secret, sizeof secret);
    SSL_get_server_random(ssl, seed + 13, SSL3_RANDOM_SIZE);
    SSL_get_client_random(ssl, seed + 13 + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed), OSSL_PARAM_construct_end()};
    const int done = context != NULL && length > 0 && EVP_KDF_derive(context, block, 40, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(secret, sizeof secret);
    return done;
}

/// Seals or opens one record with AES-128-GCM (RFC 5288 section 3), in place; the tag is written or compared. 0 when
/// it is not the record's.
static inline int apus_dtls_gcm(int seals, const uint8_t key[16], const uint8_t nonce[12], const uint8_t aad[13],
                                uint8_t *data, int length, uint8_t tag[16]) {
    int written = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) return 0;
    int done = EVP_CipherInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce, seals) == 1 &&
               EVP_CipherUpdate(context, NULL, &written, aad, 13) == 1 &&
               EVP_CipherUpdate(context, data, &written, data, length) == 1;
    if (done && !seals) done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1;
    if (done) done = EVP_CipherFinal_ex(context, data + length, &written) == 1;
    if (done && seals) done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return done;
}

// ---- SRTP -------------------------------------------------------------------------------------
// One call per packet, no allocation: contexts keep their key schedule and take a new IV each time.

static inline apus_hmac_sha1 *apus_srtp_new_hmac(const uint8_t *key, size_t length) {
    apus_hmac_sha1 *hmac = (apus_hmac_sha1 *)malloc(sizeof *hmac);
    if (hmac != NULL) apus_hmac_sha1_init(hmac, key, length);
    return hmac;
}

static inline void apus_srtp_free_hmac(apus_hmac_sha1 *hmac) {
    if (hmac == NULL) return;
    OPENSSL_cleanse(hmac, sizeof *hmac);
    free(hmac);
}

/// Tag of `data` followed by `suffix` in network order, when `with_suffix` is set.
static inline void apus_srtp_hmac_tag(const apus_hmac_sha1 *hmac, const void *data, size_t length,
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
