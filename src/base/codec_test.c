#include "base/codec.h"
#include "support/test.h"

static void fill(test_random *random, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)("abcdefgh"[test_below(random, 8)]);
}

WG_TEST(blocks_come_back_as_they_were)
{
    enum {
        SIZE = 100000
    };

    waggle_error error;
    test_random random = {test_seed(1)};
    uint8_t *source = wg_alloc(NULL, WG_MEMORY_SCRATCH, SIZE);
    uint8_t *back = wg_alloc(NULL, WG_MEMORY_SCRATCH, SIZE);
    uint8_t *packed = wg_alloc(NULL, WG_MEMORY_SCRATCH, wg_zstd_bound(SIZE));
    fill(&random, source, SIZE);
    wg_zstd *zstd = wg_zstd_create(3, NULL, 0);
    WG_CHECK(zstd != NULL);

    static const size_t sizes[] = {0, 1, 100, SIZE};
    for (size_t i = 0; i < WG_COUNT(sizes); i++) {
        size_t packed_size = wg_zstd_bound(sizes[i]), size = SIZE;
        WG_OK(wg_zstd_compress(zstd, source, sizes[i], packed, &packed_size, &error));
        WG_OK(wg_zstd_decompress(zstd, NULL, packed, packed_size, back, &size, &error));
        WG_CHECK_U64(size, sizes[i]);
        WG_CHECK(memcmp(back, source, size) == 0);
    }

    wg_zstd_destroy(zstd);
    wg_free(packed);
    wg_free(back);
    wg_free(source);
}

WG_TEST(what_compress_did_not_make_is_corrupt)
{
    waggle_error error;
    uint8_t packed[256], back[256];
    size_t packed_size = sizeof packed, size = sizeof back;
    wg_zstd *zstd = wg_zstd_create(3, NULL, 0);

    WG_FAILS_WITH(WAGGLE_CORRUPT, "11 bytes",
                  wg_zstd_decompress(zstd, NULL, "hello world", 11, back, &size, &error));
    uint8_t zeros[200] = {0};
    WG_OK(wg_zstd_compress(zstd, zeros, sizeof zeros, packed, &packed_size, &error));
    size = sizeof zeros - 1;
    WG_FAILS_WITH(WAGGLE_CORRUPT, "into 199",
                  wg_zstd_decompress(zstd, NULL, packed, packed_size, back, &size, &error));
    size = sizeof back;
    WG_FAILS(WAGGLE_CORRUPT,
             wg_zstd_decompress(zstd, NULL, packed, packed_size - 1, back, &size, &error));
    packed_size = 3;
    WG_FAILS_WITH(WAGGLE_INVALID, "into 3",
                  wg_zstd_compress(zstd, zeros, sizeof zeros, packed, &packed_size, &error));
    wg_zstd_destroy(zstd);
}

WG_TEST(a_trained_dictionary_makes_small_blocks_smaller)
{
    enum {
        COUNT = 2000,
        CAPACITY = 16384
    };

    static char samples[COUNT * 100];
    static size_t sizes[COUNT];
    static uint8_t dictionary[CAPACITY];
    waggle_error error;
    size_t at = 0, dictionary_size = CAPACITY;
    for (int i = 0; i < COUNT; i++) {
        int size =
            snprintf(samples + at, 100,
                     "{\"label\": \"%s\", \"file\": \"train/number-%d.jpg\", \"width\": 640}",
                     i % 3 ? "ship" : "airplane", i * 7919);
        sizes[i] = (size_t)size;
        at += sizes[i];
    }
    wg_zstd_train(samples, sizes, COUNT, dictionary, &dictionary_size);
    WG_CHECK(dictionary_size > 0);

    uint8_t packed[256], back[256];
    size_t plain_size = sizeof packed, size = sizeof packed, back_size = sizeof back;
    wg_zstd *plain = wg_zstd_create(3, NULL, 0);
    wg_zstd *zstd = wg_zstd_create(3, dictionary, dictionary_size);
    WG_OK(wg_zstd_compress(plain, samples, sizes[0], packed, &plain_size, &error));
    WG_OK(wg_zstd_compress(zstd, samples, sizes[0], packed, &size, &error));
    WG_CHECK(size < plain_size);
    wg_zstd_dictionary *digested = wg_zstd_dictionary_create(dictionary, dictionary_size);
    WG_OK(wg_zstd_decompress(zstd, digested, packed, size, back, &back_size, &error));
    WG_CHECK(back_size == sizes[0] && memcmp(back, samples, back_size) == 0);
    // Without the dictionary it is refused, and does not come out as something else.
    back_size = sizeof back;
    WG_FAILS(WAGGLE_CORRUPT,
             wg_zstd_decompress(plain, NULL, packed, size, back, &back_size, &error));
    wg_zstd_dictionary_destroy(digested);
    wg_zstd_dictionary_destroy(NULL);
    wg_zstd_destroy(plain);
    wg_zstd_destroy(zstd);
}

WG_TEST(too_few_samples_give_no_dictionary)
{
    uint8_t dictionary[1024];
    size_t sizes[] = {2, 2}, size = sizeof dictionary;
    wg_zstd_train("abcd", sizes, 2, dictionary, &size);
    WG_CHECK_U64(size, 0);
}
