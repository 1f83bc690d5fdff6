// Any bytes as the file SNAPSHOT, as they are and with the checksum made right: it is refused, or it lists each file once,
// none of them outside of the folder, and written again it reads as the same.
#include "base/bytes.h"
#include "engine/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#define TAIL_SIZE 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_write(wg_vfs *vfs, const char *path, const uint8_t *data, size_t size)
{
    wg_file *file = NULL;
    WG_ASSERT(wg_file_open(vfs, path, WG_OPEN_NEW, &file, NULL) == WAGGLE_OK);
    if (size > 0) WG_ASSERT(wg_file_write(file, 0, data, size, NULL) == WAGGLE_OK);
    wg_file_close(file);
}

static void text_read(wg_vfs *vfs, const char *path, wg_buffer *text)
{
    wg_file *file = NULL;
    uint64_t size = 0;
    wg_buffer_init(text, NULL, WG_MEMORY_SCRATCH);
    WG_ASSERT(wg_file_open(vfs, path, WG_OPEN_READ, &file, NULL) == WAGGLE_OK);
    WG_ASSERT(wg_file_size(file, &size, NULL) == WAGGLE_OK);
    WG_ASSERT(wg_buffer_reserve(text, (size_t)size));
    WG_ASSERT(wg_file_read_all(file, 0, text->data, (size_t)size, NULL) == WAGGLE_OK);
    text->size = (size_t)size;
    wg_file_close(file);
}

// Puts the checksum that the fuzzer could not guess behind the last comma.
static size_t forge(const uint8_t *data, size_t size, uint8_t *target)
{
    size_t body = size;
    while (body > 0 && data[body - 1] != ',')
        body--;
    body = body > 0 ? body - 1 : size;
    memcpy(target, data, body);
    int tail = snprintf((char *)target + body, TAIL_SIZE, ",\n  \"crc32c\": %u\n}\n",
                        wg_crc32c(0, data, body));
    return body + (size_t)tail;
}

static void check_name(const char *name)
{
    if (strcmp(name, "MANIFEST") == 0) return;
    WG_ASSERT(strncmp(name, "seg/", 4) == 0);
    WG_ASSERT(name[4] != 0 && name[4] != '.');
    WG_ASSERT(strpbrk(name + 4, "/\\:") == NULL);
}

static void check_index(const wg_snapshot_index *index)
{
    uint64_t bytes = 0;
    WG_ASSERT(index->name != NULL);
    for (size_t i = 0; i < wg_snapshot_file_count(index); i++) {
        const wg_snapshot_file *file = wg_snapshot_file_at(index, i);
        check_name(file->name);
        if (i > 0) WG_ASSERT(strcmp(file[-1].name, file->name) < 0);
        WG_ASSERT(wg_snapshot_index_find(index, file->name) == file);
        WG_ASSERT(!__builtin_add_overflow(bytes, file->size, &bytes));
    }
    WG_ASSERT(index->bytes == bytes);
}

static void check_same(const wg_snapshot_index *a, const wg_snapshot_index *b)
{
    WG_ASSERT(strcmp(a->name, b->name) == 0);
    WG_ASSERT((a->collection == NULL) == (b->collection == NULL));
    WG_ASSERT(a->collection == NULL || strcmp(a->collection, b->collection) == 0);
    WG_ASSERT(a->created_s == b->created_s);
    WG_ASSERT(a->sequence == b->sequence);
    WG_ASSERT(wg_snapshot_file_count(a) == wg_snapshot_file_count(b));
    for (size_t i = 0; i < wg_snapshot_file_count(a); i++) {
        const wg_snapshot_file *x = wg_snapshot_file_at(a, i);
        const wg_snapshot_file *y = wg_snapshot_file_at(b, i);
        WG_ASSERT(strcmp(x->name, y->name) == 0);
        WG_ASSERT(x->size == y->size);
        WG_ASSERT(memcmp(x->digest, y->digest, sizeof x->digest) == 0);
    }
}

// Written, read and written again.
static void check_written(wg_vfs *vfs, const wg_snapshot_index *index)
{
    wg_snapshot_index back;
    wg_buffer once;
    wg_buffer twice;
    WG_ASSERT(wg_vfs_make_dir(vfs, "/once", NULL) == WAGGLE_OK);
    WG_ASSERT(wg_vfs_make_dir(vfs, "/twice", NULL) == WAGGLE_OK);
    WG_ASSERT(wg_snapshot_index_write(vfs, index, "/once", NULL) == WAGGLE_OK);
    WG_ASSERT(wg_snapshot_index_read(vfs, NULL, "/once", &back, NULL) == WAGGLE_OK);
    check_index(&back);
    check_same(index, &back);
    WG_ASSERT(wg_snapshot_index_write(vfs, &back, "/twice", NULL) == WAGGLE_OK);
    text_read(vfs, "/once/SNAPSHOT", &once);
    text_read(vfs, "/twice/SNAPSHOT", &twice);
    WG_ASSERT(once.size == twice.size);
    WG_ASSERT(memcmp(once.data, twice.data, once.size) == 0);
    wg_buffer_finish(&twice);
    wg_buffer_finish(&once);
    wg_snapshot_index_finish(&back);
}

static void read_and_use(const uint8_t *data, size_t size)
{
    waggle_error error;
    wg_snapshot_index index;
    wg_vfs *vfs = wg_vfs_memory_create(NULL);
    WG_ASSERT(vfs != NULL);
    WG_ASSERT(wg_vfs_make_dir(vfs, "/in", NULL) == WAGGLE_OK);
    text_write(vfs, "/in/SNAPSHOT", data, size);
    waggle_status status = wg_snapshot_index_read(vfs, NULL, "/in", &index, &error);
    if (status == WAGGLE_OK) {
        check_index(&index);
        check_written(vfs, &index);
    } else {
        WG_ASSERT(status == WAGGLE_CORRUPT || status == WAGGLE_FORMAT_VERSION);
        WG_ASSERT(error.status == status);
        WG_ASSERT(error.message[0] != 0);
    }
    wg_snapshot_index_finish(&index);
    wg_vfs_memory_destroy(vfs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *forged = malloc(size + TAIL_SIZE);
    WG_ASSERT(forged != NULL);
    read_and_use(data, size);
    read_and_use(forged, forge(data, size, forged));
    free(forged);
    return 0;
}
