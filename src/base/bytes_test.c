#include "base/bytes.h"
#include "support/test.h"

WG_TEST(numbers_are_little_endian_at_any_address)
{
    uint8_t bytes[16] = {0};
    wg_put16(bytes + 1, 0x0201);
    wg_put32(bytes + 3, 0x06050403);
    wg_put64(bytes + 7, 0x0E0D0C0B0A090807u);
    for (uint8_t i = 1; i < 15; i++)
        WG_CHECK_U64(bytes[i], i);
    WG_CHECK_U64(wg_get16(bytes + 1), 0x0201);
    WG_CHECK_U64(wg_get32(bytes + 3), 0x06050403);
    WG_CHECK_U64(wg_get64(bytes + 7), 0x0E0D0C0B0A090807u);
}

WG_TEST(a_reader_reads_fields_in_order)
{
    static const uint8_t bytes[] = {1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
    wg_reader reader = wg_reader_of(bytes, sizeof(bytes));
    WG_CHECK_U64(wg_read8(&reader), 1);
    WG_CHECK_U64(wg_read16(&reader), 2);
    WG_CHECK_U64(wg_read32(&reader), 3);
    WG_CHECK_U64(wg_read64(&reader), 4);
    WG_CHECK_U64(wg_reader_left(&reader), 2);
    const char *text = wg_read_bytes(&reader, 2);
    WG_CHECK(text != NULL && memcmp(text, "ab", 2) == 0);
    WG_CHECK(!reader.failed);
    WG_CHECK_U64(wg_reader_left(&reader), 0);
}

WG_TEST(a_reader_fails_for_good_at_the_end)
{
    static const uint8_t bytes[] = {1, 2, 3};
    wg_reader reader = wg_reader_of(bytes, sizeof(bytes));
    WG_CHECK_U64(wg_read32(&reader), 0);
    WG_CHECK(reader.failed);
    WG_CHECK_U64(wg_read8(&reader), 0); // though there is a byte
    WG_CHECK_U64(wg_read16(&reader), 0);
    WG_CHECK_U64(wg_read64(&reader), 0);
    WG_CHECK(wg_read_bytes(&reader, 0) == NULL);
    WG_CHECK_U64(wg_reader_left(&reader), 0);
}

WG_TEST(a_reader_is_not_fooled_by_huge_sizes)
{
    static const uint8_t bytes[] = {1, 2, 3};
    wg_reader reader = wg_reader_of(bytes, sizeof(bytes));
    WG_CHECK_U64(wg_read8(&reader), 1);
    WG_CHECK(wg_read_bytes(&reader, SIZE_MAX) == NULL);
    WG_CHECK(reader.failed);
}
