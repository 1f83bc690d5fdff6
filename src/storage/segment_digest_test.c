// The SHA-256 of a segment that a thread computes behind the writer is that of the file, whatever the file looks like,
// and a failed read is reported.
#include "storage/segment.h"
#include "storage/segment_digest.h"
#include "storage/segment_format.h"
#include "support/test.h"

#include <stdlib.h>

#define PATH "a.wseg"

static waggle_status write_file(wg_vfs *vfs, size_t vectors, size_t versions, bool threaded,
                                uint8_t digest[WG_SHA256_SIZE], waggle_error *error)
{
    static uint8_t bytes[3u << 20];
    wg_segment_writer *writer = NULL;
    wg_section_handle section = 0;
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    waggle_status status = wg_segment_create(vfs, NULL, PATH, &writer, error);
    if (status == WAGGLE_OK)
        status = threaded ? wg_segment_digest_begin_thread(writer, error)
                          : wg_segment_digest_begin(writer, error);
    if (status == WAGGLE_OK) status = wg_segment_part_begin(writer, 1, error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < 2;
         i++) { // with gaps: both are thought to be large
        status = wg_segment_section_begin(writer, i == 0 ? WG_SECTION_VECTORS : WG_SECTION_VERSIONS,
                                          0, 0, 4, WG_SECTION_LARGE + 1, &section, error);
        for (int j = 0; status == WAGGLE_OK && j < 3; j++)
            status = wg_segment_section_append(writer, section, bytes,
                                               (i == 0 ? vectors : versions) / 3, error);
        if (status == WAGGLE_OK) status = wg_segment_section_end(writer, section, error);
    }
    if (status == WAGGLE_OK) status = wg_segment_part_end(writer, 1, 1, error);
    if (status == WAGGLE_OK) status = wg_segment_finish(writer, &size, digest, error);
    wg_segment_writer_destroy(writer);
    return status;
}

WG_TEST(a_thread_finds_the_digest_of_the_file)
{
    static const size_t sizes[][2] = {
        {0,              0       },
        {3000,           900     },
        {3u << 20,       0       },
        {0,              9u << 20},
        {9u << 20,       3u << 20},
        {(3u << 20) + 3, 3u << 20},
    };
    for (size_t i = 0; i < WG_COUNT(sizes); i++) {
        waggle_error error;
        wg_vfs *vfs = wg_vfs_memory_create(NULL);
        uint8_t digest[WG_SHA256_SIZE];
        uint8_t expected[WG_SHA256_SIZE];
        uint64_t size = 0;
        wg_file *file = NULL;
        WG_OK(write_file(vfs, sizes[i][0], sizes[i][1], true, digest, &error));
        WG_OK(wg_file_open(vfs, PATH, WG_OPEN_READ, &file, &error));
        WG_OK(wg_file_size(file, &size, &error));
        uint8_t *data = malloc(size);
        WG_OK(wg_file_read_all(file, 0, data, size, &error));
        wg_file_close(file);
        wg_sha256 *sha = wg_sha256_create();
        wg_sha256_add(sha, data, size);
        wg_sha256_digest(sha, expected);
        wg_sha256_destroy(sha);
        WG_CHECK(memcmp(digest, expected, sizeof(digest)) == 0);
        free(data);
        wg_vfs_memory_destroy(vfs);
    }
}

WG_TEST(an_abandoned_thread_ends_with_the_writer)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_segment_writer *writer = NULL;
    WG_OK(wg_segment_create(vfs, NULL, PATH, &writer, &error));
    WG_OK(wg_segment_digest_begin_thread(writer, &error));
    WG_OK(wg_segment_part_begin(writer, 1, &error));
    wg_segment_writer_destroy(writer);
    WG_CHECK(!wg_vfs_exists(vfs, PATH));
    wg_vfs_memory_destroy(vfs);
}

WG_TEST(bytes_that_cannot_be_read_back_are_an_error)
{
    waggle_error error;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    wg_file *file = NULL;
    wg_segment_digest *digest = NULL;
    wg_sha256 *sha = wg_sha256_create();
    WG_OK(wg_file_open(vfs, PATH, WG_OPEN_NEW, &file, &error));
    WG_OK(wg_file_write(file, 0, "waggle", 6, &error));
    WG_OK(wg_segment_digest_start(NULL, file, sha, 0, &digest, &error));
    wg_segment_digest_reach(digest, 7); // one more than there is
    WG_FAILS(WAGGLE_CORRUPT, wg_segment_digest_join(digest, false, &error));
    wg_sha256_destroy(sha);
    wg_file_close(file);
    wg_vfs_memory_destroy(vfs);
}
