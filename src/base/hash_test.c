#include "base/hash.h"
#include "base/system.h"
#include "support/test.h"

#include <stdlib.h>

// RFC 3720, appendix B.4.
WG_TEST(crc32c_matches_the_vectors_of_rfc_3720)
{
    uint8_t bytes[32];
    memset(bytes, 0, 32);
    WG_CHECK_U64(wg_crc32c(0, bytes, 32), 0x8A9136AAu);
    WG_CHECK_U64(wg_crc32c_table(0, bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, 32);
    WG_CHECK_U64(wg_crc32c(0, bytes, 32), 0x62A8AB43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    WG_CHECK_U64(wg_crc32c(0, bytes, 32), 0x46DD794Eu);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    WG_CHECK_U64(wg_crc32c(0, bytes, 32), 0x113FDB5Cu);
    WG_CHECK_U64(wg_crc32c(0, "123456789", 9), 0xE3069283u);
    WG_CHECK_U64(wg_crc32c(0, NULL, 0), 0);
}

// The definition, bit by bit: the oracle of the table.
static uint32_t crc_bitwise(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

WG_TEST(crc32c_agrees_with_the_table_at_every_size_and_alignment)
{
    uint8_t bytes[16 + 1600];
    test_random random = {test_seed(2)};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)test_next(&random);
    for (size_t alignment = 0; alignment < 16; alignment++) {
        for (size_t size = 0; size <= 1600; size += size < 200 ? 1 : 37) {
            uint32_t start = (uint32_t)test_next(&random);
            uint32_t expected = wg_crc32c_table(start, bytes + alignment, size);
            WG_CHECK_U64(wg_crc32c(start, bytes + alignment, size), expected);
            if (size < 64) WG_CHECK_U64(crc_bitwise(start, bytes + alignment, size), expected);
        }
    }
}

WG_TEST(crc32c_agrees_with_the_table_on_large_data_and_in_parts)
{
    size_t capacity = 1 << 20;
    uint8_t *bytes = malloc(capacity);
    test_random random = {test_seed(3)};
    for (size_t i = 0; i < capacity; i += 8)
        memcpy(bytes + i, &(uint64_t){test_next(&random)}, 8);
    for (uint64_t i = 0; i < test_rounds(200, 5000); i++) {
        size_t size = test_below(&random, i % 8 == 0 ? capacity : 40000);
        size_t at = test_below(&random, capacity - size + 1);
        size_t cut = test_below(&random, size + 1);
        uint32_t expected = wg_crc32c_table(0, bytes + at, size);
        WG_CHECK_U64(wg_crc32c(0, bytes + at, size), expected);
        uint32_t head = wg_crc32c(0, bytes + at, cut);
        WG_CHECK_U64(wg_crc32c(head, bytes + at + cut, size - cut), expected);
    }
    free(bytes);
}

WG_TEST(crc32c_finds_every_flipped_bit)
{
    uint8_t bytes[200] = {0};
    uint32_t expected = wg_crc32c(0, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        WG_CHECK(wg_crc32c(0, bytes, sizeof(bytes)) != expected);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void check_sha256(const char *text, size_t repeat, const char *expected)
{
    uint8_t digest[WG_SHA256_SIZE];
    char hex[2 * WG_SHA256_SIZE + 1];
    wg_sha256 *sha = wg_sha256_create();
    WG_CHECK(sha != NULL);
    for (size_t i = 0; i < repeat; i++)
        wg_sha256_add(sha, text, strlen(text));
    wg_sha256_digest(sha, digest);
    wg_sha256_destroy(sha);
    for (size_t i = 0; i < WG_SHA256_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    WG_CHECK_TEXT(hex, expected);
}

// FIPS 180-4, the examples of NIST.
WG_TEST(sha256_matches_the_vectors_of_nist)
{
    check_sha256("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256("aaaaaaaaaa", 100000,
                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    wg_sha256_destroy(NULL);
}

// The numbers are written into no file, but a change of the function would be worth noticing.
WG_TEST(the_hash_is_xxh3)
{
    WG_CHECK_U64(wg_hash("", 0), 0x2D06800538D394C2u);
    WG_CHECK(wg_hash("abc", 3) != wg_hash("abd", 3));
    WG_CHECK(wg_hash("abc", 3) != wg_hash("abc", 2));
}

WG_TEST(hashing_a_number_mixes_every_bit_into_every_bit)
{
    test_random random = {test_seed(4)};
    uint32_t flips[64][64] = {{0}};
    for (int round = 0; round < 1000; round++) {
        uint64_t value = test_next(&random);
        for (int in = 0; in < 64; in++) {
            uint64_t changed = wg_hash64(value) ^ wg_hash64(value ^ (uint64_t)1 << in);
            for (int out = 0; out < 64; out++)
                flips[in][out] += (uint32_t)(changed >> out & 1);
        }
    }
    for (int in = 0; in < 64; in++)
        for (int out = 0; out < 64; out++) // half of them; six standard deviations are 95
            WG_CHECK(flips[in][out] > 405 && flips[in][out] < 595);
}
