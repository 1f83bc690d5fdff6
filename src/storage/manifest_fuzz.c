// Any bytes as a MANIFEST: opening ends with a status; what could be opened can be written and read again.
#include "base/bytes.h"
#include "base/hash.h"
#include "storage/manifest.h"

#define HEADER_SIZE 64u
#define EDIT_HEADER_SIZE 16u
#define INPUT_SIZE_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Makes one edit of the bytes behind the headers, with checksums that the fuzzer could not guess.
static size_t wrap(const uint8_t *data, size_t size, uint8_t *block)
{
    size_t body = WG_MIN(size, INPUT_SIZE_MAX);
    size_t bytes = EDIT_HEADER_SIZE + (size_t)wg_round_up(body, 8);
    memset(block, 0, HEADER_SIZE + bytes);
    memcpy(block, "WAGGLEMF", 8);
    wg_put32(block + 8, WG_FORMAT_VERSION);
    wg_put32(block + 60, wg_crc32c(0, block, 60));
    uint8_t *edit = block + HEADER_SIZE;
    if (body > 0) memcpy(edit + EDIT_HEADER_SIZE, data, body);
    wg_put32(edit, (uint32_t)body);
    wg_put64(edit + 8, 1);
    wg_put32(edit + 4, wg_crc32c(wg_crc32c(0, edit, 4), edit + 8, bytes - 8));
    return HEADER_SIZE + bytes;
}

static void open_and_use(const uint8_t *data, size_t size)
{
    waggle_error error;
    wg_file *file = NULL;
    wg_manifest *manifest = NULL;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_ASSERT(vfs != NULL);
    WG_ASSERT(wg_vfs_make_dir(vfs, "/db", &error) == WAGGLE_OK);
    WG_ASSERT(wg_file_open(vfs, "/db/MANIFEST", WG_OPEN_NEW, &file, &error) == WAGGLE_OK);
    WG_ASSERT(wg_file_write(file, 0, data, size, &error) == WAGGLE_OK);
    wg_file_close(file);
    waggle_status status =
        wg_manifest_open(vfs, NULL, "/db", false, false, NULL, &manifest, &error);
    if (status == WAGGLE_OK) {
        size_t count = wg_manifest_collection_count(manifest);
        WG_ASSERT(wg_vfs_make_dir(vfs, "/copy", &error) == WAGGLE_OK);
        WG_ASSERT(wg_manifest_export(manifest, NULL, 0, "/copy/MANIFEST", &error) == WAGGLE_OK);
        wg_manifest_close(manifest);
        WG_ASSERT(wg_manifest_open(vfs, NULL, "/copy", false, false, NULL, &manifest, &error) ==
                  WAGGLE_OK);
        WG_ASSERT(wg_manifest_collection_count(manifest) == count);
        wg_manifest_close(manifest);
    }
    wg_vfs_memory_destroy(vfs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[HEADER_SIZE + EDIT_HEADER_SIZE + INPUT_SIZE_MAX + 8];
    open_and_use(data, WG_MIN(size, INPUT_SIZE_MAX));
    open_and_use(block, wrap(data, size, block));
    return 0;
}
