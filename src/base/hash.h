// Checksums and hashes: CRC32C for everything on disk, SHA-256 for what is copied elsewhere, a fast
// 64-bit hash for tables (XXH3).
#pragma once

#include "base/status.h"

// CRC32C (Castagnoli, RFC 3720 appendix B.4) of data after a part whose CRC is crc; begin with 0.
// Uses the instruction of SSE4.2 or ARMv8 where there is one.
uint32_t wg_crc32c(uint32_t crc, const void *data, size_t size);
// The same without instructions of the machine: the oracle.
uint32_t wg_crc32c_table(uint32_t crc, const void *data, size_t size);

#define WG_SHA256_SIZE 32u
typedef struct wg_sha256 wg_sha256;
wg_sha256 *wg_sha256_create(void); // NULL = no memory
void wg_sha256_add(wg_sha256 *sha, const void *data, size_t size);
void wg_sha256_digest(wg_sha256 *sha, uint8_t digest[WG_SHA256_SIZE]); // ends it
void wg_sha256_destroy(wg_sha256 *sha);

uint64_t wg_hash(const void *data, size_t size);
uint64_t wg_hash64(uint64_t value); // of a number: mixes all bits
