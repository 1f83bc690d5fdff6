// SHA-256 by OpenSSL, XXH3 by xxhash: this file alone knows their headers. CRC32C is in crc32c.c.
#include "base/hash.h"

#include "base/memory.h"

#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <xxhash.h>

struct wg_sha256 {
    EVP_MD_CTX *context;
};

wg_sha256 *wg_sha256_create(void)
{
    wg_sha256 *sha = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof(*sha));
    if (sha == NULL) return NULL;
    sha->context = EVP_MD_CTX_new();
    if (sha->context == NULL || EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        wg_sha256_destroy(sha);
        return NULL;
    }
    return sha;
}

void wg_sha256_add(wg_sha256 *sha, const void *data, size_t size)
{
    int result = EVP_DigestUpdate(sha->context, data, size);
    WG_ASSERT(result == 1);
}

void wg_sha256_digest(wg_sha256 *sha, uint8_t digest[WG_SHA256_SIZE])
{
    unsigned size = 0;
    int result = EVP_DigestFinal_ex(sha->context, digest, &size);
    WG_ASSERT(result == 1 && size == WG_SHA256_SIZE);
}

void wg_sha256_destroy(wg_sha256 *sha)
{
    if (sha == NULL) return;
    EVP_MD_CTX_free(sha->context);
    wg_free(sha);
}

uint64_t wg_hash(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

// Two multiplications with a fold between them: each bit of the value reaches each bit of the result
// (the finalizer of splitmix64; Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2714064.2660195).
uint64_t wg_hash64(uint64_t value)
{
    value ^= value >> 30;
    value *= 0xBF58476D1CE4E5B9u;
    value ^= value >> 27;
    value *= 0x94D049BB133111EBu;
    return value ^ value >> 31;
}
