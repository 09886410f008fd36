// OpenSSL 3 deprecates replacing its generator in favour of providers. A provider serves a library context, and OpenSSL
// fetches what SSL_CTX_new needs from the default one; so the old way is the one that leaves production code as it is.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSeededRandom.h"

#include <openssl/rand.h>

static _Thread_local apus_random_source current;
static _Thread_local void *current_context;

static int draw(unsigned char *bytes, int count) {
    if (current == NULL) return RAND_OpenSSL()->bytes(bytes, count);
    if (count > 0) current(current_context, bytes, (size_t)count);
    return 1;
}

static int seed(const void *bytes, int count) { return RAND_OpenSSL()->seed(bytes, count); }
static int add(const void *bytes, int count, double entropy) { return RAND_OpenSSL()->add(bytes, count, entropy); }
static int status(void) { return current != NULL ? 1 : RAND_OpenSSL()->status(); }

static const RAND_METHOD method = {
    .seed = seed, .bytes = draw, .cleanup = NULL, .add = add, .pseudorand = draw, .status = status};

int apus_seeded_random_install(void) { return RAND_set_rand_method(&method); }

void apus_seeded_random_set(apus_random_source source, void *context) {
    current = source;
    current_context = context;
}
