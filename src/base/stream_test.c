#include "base/codec.h"
#include "support/test.h"

#include <stdlib.h>
#include <zlib.h>

// About 3 MiB, so that every buffer is filled more than once.
#define TEXT_SIZE 3000017u

static uint8_t *text_create(void)
{
    test_random random = {7};
    uint8_t *text = wg_alloc(NULL, WG_MEMORY_SCRATCH, TEXT_SIZE);
    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (uint8_t)test_below(&random, i % 5000 < 2500 ? 256 : 4);
    return text;
}

static void gzip_append(wg_buffer *packed, const uint8_t *text, size_t size)
{
    z_stream gzip = {0};
    WG_CHECK(deflateInit2(&gzip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    uint8_t *target = wg_alloc(NULL, WG_MEMORY_SCRATCH, size + 100000);
    uint8_t *source = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    memcpy(source, text, size);
    gzip.next_in = source;
    gzip.avail_in = (uInt)size;
    gzip.next_out = target;
    gzip.avail_out = (uInt)(size + 100000);
    WG_CHECK(deflate(&gzip, Z_FINISH) == Z_STREAM_END);
    WG_CHECK(wg_buffer_append(packed, target, gzip.total_out));
    deflateEnd(&gzip);
    wg_free(source);
    wg_free(target);
}

static void zstd_append(wg_buffer *packed, const uint8_t *text, size_t size)
{
    waggle_error error;
    wg_zstd *zstd = wg_zstd_create(1, NULL, 0);
    size_t packed_size = wg_zstd_bound(size);
    uint8_t *target = wg_alloc(NULL, WG_MEMORY_SCRATCH, packed_size);
    WG_OK(wg_zstd_compress(zstd, text, size, target, &packed_size, &error));
    WG_CHECK(wg_buffer_append(packed, target, packed_size));
    wg_free(target);
    wg_zstd_destroy(zstd);
}

// Reads to the end in pieces of piece bytes and compares.
static void check_reads(wg_stream *stream, const uint8_t *text, size_t size, size_t piece)
{
    waggle_error error;
    uint8_t *bytes = wg_alloc(NULL, WG_MEMORY_SCRATCH, piece);
    size_t at = 0, got = 0;
    do {
        WG_OK(wg_stream_read(stream, bytes, piece, &got, &error));
        WG_CHECK(got <= size - at);
        WG_CHECK(memcmp(bytes, text + at, got) == 0);
        at += got;
    } while (got == piece);
    WG_CHECK_U64(at, size);
    WG_OK(wg_stream_read(stream, bytes, piece, &got, &error));
    WG_CHECK_U64(got, 0);
    WG_CHECK_U64(wg_stream_position(stream), wg_stream_size(stream));
    wg_free(bytes);
}

static void check_memory(const wg_buffer *packed, const uint8_t *text, size_t size, bool plain)
{
    static const size_t pieces[] = {4099, 1u << 20, TEXT_SIZE + 1};
    waggle_error error;
    for (size_t i = 0; i < WG_COUNT(pieces); i++) {
        wg_stream *stream;
        WG_OK(wg_stream_open_memory("x", packed->data, packed->size, &stream, &error));
        WG_CHECK(wg_stream_is_plain(stream) == plain);
        check_reads(stream, text, size, pieces[i]);
        wg_stream_close(stream);
    }
}

typedef void (*append_fn)(wg_buffer *packed, const uint8_t *text, size_t size);
static const append_fn packers[] = {gzip_append, zstd_append};

WG_TEST(plain_bytes_come_as_they_are)
{
    uint8_t *text = text_create();
    wg_buffer plain = {.data = text, .size = TEXT_SIZE};
    check_memory(&plain, text, TEXT_SIZE, true);
    for (size_t size = 0; size < 6; size++) {
        plain.size = size;
        check_memory(&plain, text, size, true);
    }
    wg_free(text);
}

WG_TEST(gzip_and_zstd_are_unpacked_with_all_their_members)
{
    uint8_t *text = text_create();
    for (size_t i = 0; i < WG_COUNT(packers); i++) {
        wg_buffer packed;
        wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
        packers[i](&packed, text, TEXT_SIZE);
        check_memory(&packed, text, TEXT_SIZE, false);

        packed.size = 0; // many members, one of them empty
        for (size_t at = 0; at < TEXT_SIZE;) {
            size_t size = WG_MIN(400000, TEXT_SIZE - at);
            packers[i](&packed, text + at, size);
            packers[i](&packed, text, 0);
            at += size;
        }
        check_memory(&packed, text, TEXT_SIZE, false);
        wg_buffer_finish(&packed);
    }
    wg_free(text);
}

// The status of reading it all.
static waggle_status drain(const uint8_t *data, size_t size, waggle_error *error)
{
    wg_stream *stream = NULL;
    static uint8_t bytes[1 << 16];
    size_t got = sizeof bytes;
    waggle_status status = wg_stream_open_memory("rows.npy", data, size, &stream, error);
    while (status == WAGGLE_OK && got == sizeof bytes)
        status = wg_stream_read(stream, bytes, sizeof bytes, &got, error);
    wg_stream_close(stream);
    return status;
}

WG_TEST(a_packed_file_that_is_cut_off_is_corrupt)
{
    static uint8_t text[3000];
    test_random random = {3};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)test_below(&random, 40);
    for (size_t i = 0; i < WG_COUNT(packers); i++) {
        waggle_error error;
        wg_buffer packed;
        wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
        packers[i](&packed, text, sizeof text);
        WG_OK(drain(packed.data, packed.size, &error));
        for (size_t size = 4; size < packed.size; size++) {
            WG_FAILS_WITH(WAGGLE_CORRUPT, "rows.npy: truncated at byte ",
                          drain(packed.data, size, &error));
        }
        size_t whole = packed.size;
        packers[i](&packed, text, sizeof text); // within the second member
        WG_FAILS_WITH(WAGGLE_CORRUPT, "rows.npy: truncated",
                      drain(packed.data, whole + 20, &error));
        wg_buffer_finish(&packed);
    }
}

WG_TEST(damage_within_or_behind_packed_data_is_corrupt_with_its_offset)
{
    static uint8_t text[5000];
    for (size_t i = 0; i < WG_COUNT(packers); i++) {
        waggle_error error;
        char place[64];
        wg_buffer packed;
        wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
        packers[i](&packed, text, sizeof text);
        snprintf(place, sizeof place, "rows.npy: damaged at byte %zu: more bytes", packed.size);
        WG_CHECK(wg_buffer_append(&packed, "tail", 4));
        WG_FAILS_WITH(WAGGLE_CORRUPT, place, drain(packed.data, packed.size, &error));
        wg_buffer_finish(&packed);
    }

    waggle_error error;
    wg_buffer packed;
    wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
    gzip_append(&packed, text, sizeof text);
    packed.data[packed.size - 8] ^= 1; // the check sum
    WG_FAILS_WITH(WAGGLE_CORRUPT, "rows.npy: damaged at byte ",
                  drain(packed.data, packed.size, &error));
    wg_buffer_finish(&packed);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    WG_CHECK(file != NULL);
    WG_CHECK(fwrite(data, 1, size, file) == size);
    fclose(file);
}

WG_TEST(files_are_read_from_their_path)
{
    waggle_error error;
    char folder[4096], path[4200];
    uint8_t *text = text_create();
    wg_buffer packed;
    test_folder(folder, sizeof folder);
    wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
    gzip_append(&packed, text, TEXT_SIZE);

    wg_stream *stream;
    snprintf(path, sizeof path, "%s/plain", folder);
    write_file(path, text, TEXT_SIZE);
    WG_OK(wg_stream_open(path, &stream, &error));
    check_reads(stream, text, TEXT_SIZE, 100003);
    wg_stream_close(stream);
    snprintf(path, sizeof path, "%s/packed", folder);
    write_file(path, packed.data, packed.size);
    WG_OK(wg_stream_open(path, &stream, &error));
    WG_CHECK_U64(wg_stream_size(stream), packed.size);
    check_reads(stream, text, TEXT_SIZE, 100003);
    wg_stream_close(stream);

    WG_FAILS_WITH(WAGGLE_INVALID, "is a directory", wg_stream_open(folder, &stream, &error));
    snprintf(path, sizeof path, "%s/none", folder);
    WG_FAILS_WITH(WAGGLE_NOT_FOUND, "/none: open: No such file",
                  wg_stream_open(path, &stream, &error));
    wg_buffer_finish(&packed);
    wg_free(text);
}

WG_TEST(bytes_are_skipped_in_plain_and_packed_files)
{
    waggle_error error;
    uint8_t *text = text_create();
    wg_buffer packed;
    wg_buffer_init(&packed, NULL, WG_MEMORY_SCRATCH);
    gzip_append(&packed, text, TEXT_SIZE);
    const wg_buffer files[] = {
        {.data = text,        .size = TEXT_SIZE  },
        {.data = packed.data, .size = packed.size}
    };
    char folder[4096], path[4200];
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/plain", folder);
    write_file(path, text, TEXT_SIZE);

    for (size_t i = 0; i < 3; i++) {
        wg_stream *stream;
        if (i < 2) {
            WG_OK(wg_stream_open_memory("x", files[i].data, files[i].size, &stream, &error));
        } else {
            WG_OK(wg_stream_open(path, &stream, &error));
        }
        uint64_t skipped;
        uint8_t byte;
        size_t got;
        static const uint64_t steps[] = {0, 5, 2500000, 100};
        uint64_t at = 0;
        for (size_t j = 0; j < WG_COUNT(steps); j++) {
            WG_OK(wg_stream_skip(stream, steps[j], &skipped, &error));
            WG_CHECK_U64(skipped, steps[j]);
            at += steps[j];
            WG_OK(wg_stream_read(stream, &byte, 1, &got, &error));
            WG_CHECK(got == 1 && byte == text[at]);
            at++;
        }
        WG_OK(wg_stream_skip(stream, TEXT_SIZE, &skipped, &error));
        WG_CHECK_U64(skipped, TEXT_SIZE - at);
        WG_OK(wg_stream_read(stream, &byte, 1, &got, &error));
        WG_CHECK_U64(got, 0);
        wg_stream_close(stream);
    }
    wg_buffer_finish(&packed);
    wg_free(text);
}
