#define _GNU_SOURCE
#include "limit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int accept_any(int verified, X509_STORE_CTX *store) {
    (void)verified, (void)store;
    return 1;
}

static X509 *self_signed(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    if (certificate == NULL) return NULL;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"limit", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

int peer_setup(void) {
    limit.peers = calloc(LIMIT_PEERS, sizeof *limit.peers);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key == NULL ? NULL : self_signed(key);
    limit.tls = SSL_CTX_new(DTLS_method());
    if (limit.peers == NULL || certificate == NULL || limit.tls == NULL) return 0;
    SSL_CTX_set_options(limit.tls, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(limit.tls, SSL_VERIFY_PEER, accept_any);
    // SSL_CTX_set_tlsext_use_srtp returns 0 for success.
    if (SSL_CTX_use_certificate(limit.tls, certificate) != 1 || SSL_CTX_use_PrivateKey(limit.tls, key) != 1 ||
        SSL_CTX_set_tlsext_use_srtp(limit.tls, "SRTP_AEAD_AES_128_GCM") != 0)
        return 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest, &size);
    for (unsigned i = 0; i < size; i++)
        snprintf(limit.fingerprint + 3 * i, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
    return 1;
}

peer *peer_create(int is_publisher) {
    if (limit.peer_count >= LIMIT_PEERS) return NULL;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
    peer *made = &limit.peers[limit.peer_count];
    uint8_t random[20];
    if (RAND_bytes(random, sizeof random) != 1) return NULL;
    memset(made, 0, sizeof *made);
    made->index = limit.peer_count++;
    made->is_publisher = (uint8_t)is_publisher;
    // The first four characters of the user fragment are the index: no table is needed to find the peer.
    snprintf(made->ufrag, sizeof made->ufrag, "%04x", made->index);
    for (int i = 0; i < 4; i++) made->ufrag[4 + i] = letters[random[i] & 63];
    for (int i = 0; i < 24; i++) made->password[i] = letters[random[i % 20] >> (i / 20) & 63];
    made->ssl = SSL_new(limit.tls);
    if (made->ssl == NULL) return NULL;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(made->ssl, in, out);
    SSL_set_mtu(made->ssl, 1400);
    SSL_set_accept_state(made->ssl);
    made->is_used = 1;
    return made;
}

void peer_remove(peer *peer) {
    if (!peer->is_used) return;
    peer->is_used = peer->is_connected = 0;
    if (peer->has_address) limit.by_port[ntohs(peer->address.sin_port)] = NULL;
    SSL_free(peer->ssl);
    peer->ssl = NULL;
    cipher_destroy(peer->inbound);
    cipher_destroy(peer->outbound);
    peer->inbound = peer->outbound = NULL;
}

static uint32_t crc32(const uint8_t *data, size_t length) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void hmac(const char *key, const uint8_t *data, size_t length, uint8_t tag[20]) {
    unsigned size = 20;
    HMAC(EVP_sha1(), key, (int)strlen(key), data, length, tag, &size);
}

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

// Success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 sections 14.2, 14.5, 14.7).
static void respond(const peer *peer, const uint8_t *request, const struct sockaddr_in *to) {
    uint8_t message[20 + 12 + 24 + 8];
    put16(message, 0x0101);
    memcpy(message + 4, request + 4, 16);
    put16(message + 20, 0x0020);
    put16(message + 22, 8);
    put16(message + 24, 1);
    put16(message + 26, ntohs(to->sin_port) ^ 0x2112);
    const uint32_t address = to->sin_addr.s_addr ^ htonl(0x2112A442);
    memcpy(message + 28, &address, 4);
    put16(message + 2, 12 + 24);
    hmac(peer->password, message, 32, message + 36);
    put16(message + 32, 0x0008);
    put16(message + 34, 20);
    put16(message + 2, 12 + 24 + 8);
    const uint32_t fingerprint = htonl(crc32(message, 56) ^ 0x5354554e);
    put16(message + 56, 0x8028);
    put16(message + 58, 4);
    memcpy(message + 60, &fingerprint, 4);
    sendto(limit.udp, message, sizeof message, 0, (const struct sockaddr *)to, sizeof *to);
}

void peer_stun(const uint8_t *data, size_t length, const struct sockaddr_in *from) {
    if (length < 20 || length > 1500 || get16(data) != 0x0001 || get16(data + 2) + 20u != length) return;
    peer *found = NULL;
    for (size_t at = 20; at + 4 <= length;) {
        const unsigned type = get16(data + at), size = get16(data + at + 2);
        if (at + 4 + size > length) return;
        if (type == 0x0006 && size > 4) {
            char digits[5] = {0};
            memcpy(digits, data + at + 4, 4);
            const unsigned long index = strtoul(digits, NULL, 16);
            if (index < limit.peer_count && limit.peers[index].is_used) found = &limit.peers[index];
            if (found == NULL || size < 9 || memcmp(data + at + 4, found->ufrag, 8) != 0) return;
        } else if (type == 0x0008 && size == 20 && found != NULL) {
            uint8_t copy[1500], tag[20];
            memcpy(copy, data, at);
            put16(copy + 2, (unsigned)(at + 24 - 20));
            hmac(found->password, copy, at, tag);
            if (CRYPTO_memcmp(tag, data + at + 4, 20) != 0) return;
            if (!found->has_address) {
                found->address = *from;
                found->has_address = 1;
                limit.by_port[ntohs(from->sin_port)] = found;
            }
            respond(found, data, from);
            return;
        }
        at += 4 + ((size + 3) & ~3u);
    }
}

static void flush(peer *peer) {
    char *bytes = NULL;
    BIO *out = SSL_get_wbio(peer->ssl);
    const long length = BIO_get_mem_data(out, &bytes);
    if (length <= 0) return;
    sendto(limit.udp, bytes, (size_t)length, 0, (const struct sockaddr *)&peer->address, sizeof peer->address);
    (void)BIO_reset(out);
}

static void finish(peer *peer) {
    uint8_t material[56];  // RFC 5764 section 4.2: client key, server key, client salt, server salt
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(peer->ssl);
    if (profile == NULL || profile->id != SRTP_AEAD_AES_128_GCM) return;
    if (SSL_export_keying_material(peer->ssl, material, sizeof material, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) != 1)
        return;
    peer->inbound = cipher_create(material, material + 32, 0);
    peer->outbound = cipher_create(material + 16, material + 44, 1);
    peer->is_connected = peer->inbound != NULL && peer->outbound != NULL;
}

void peer_dtls(peer *peer, const uint8_t *data, size_t length) {
    BIO_write(SSL_get_rbio(peer->ssl), data, (int)length);
    if (!SSL_is_init_finished(peer->ssl)) {
        if (SSL_do_handshake(peer->ssl) == 1 && !peer->is_connected) finish(peer);
    } else {
        char rest[2048];
        (void)SSL_read(peer->ssl, rest, sizeof rest);
    }
    flush(peer);
}

void peer_timers(void) {
    for (uint32_t i = 0; i < limit.peer_count; i++) {
        peer *peer = &limit.peers[i];
        if (!peer->is_used || !peer->has_address || peer->is_connected) continue;
        if (DTLSv1_handle_timeout(peer->ssl) > 0) flush(peer);
    }
}
