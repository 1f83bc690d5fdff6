// The file SNAPSHOT of a snapshot: JSON, for people and for us.
//
//   {
//     "format": 1, "name": "20261120T120305Z", "created_s": 1795176185, "sequence": 42,
//     "collection": null,                                           its name if the snapshot is of one
//     "files": [{"name": "MANIFEST", "size": 4096, "sha256": "..."}, ...],
//     "crc32c": 123456                                              of the bytes before the comma before it
//   }
//
// Members that are not known are skipped. Recovery: there is none. A snapshot's folder gets its name after all of it
// was synced, so what does not match is damage.
#include "base/bytes.h"
#include "base/json.h"
#include "base/system.h"
#include "engine/snapshot.h"
#include "storage/segment.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_SIZE_MAX (256u << 20)
#define STEP_SIZE (1u << 20) // bytes that are read at once

void wg_snapshot_index_init(wg_snapshot_index *index, wg_heap *heap)
{
    *index = (wg_snapshot_index){0};
    wg_arena_init(&index->arena, heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&index->files, heap, WG_MEMORY_SCRATCH);
}

void wg_snapshot_index_finish(wg_snapshot_index *index)
{
    wg_buffer_finish(&index->files);
    wg_arena_finish(&index->arena);
}

static waggle_status add(wg_snapshot_index *index, const wg_snapshot_file *file,
                         waggle_error *error)
{
    wg_snapshot_file copy = *file;
    copy.name = wg_arena_copy(&index->arena, file->name, strlen(file->name) + 1);
    if (copy.name == NULL || !wg_buffer_append(&index->files, &copy, sizeof copy))
        return wg_fail_memory(error, index->files.size + sizeof copy, "a list of files");
    return WAGGLE_OK;
}

waggle_status wg_snapshot_index_add(wg_snapshot_index *index, const char *name, waggle_error *error)
{
    wg_snapshot_file file = {.name = name};
    return add(index, &file, error);
}

static int file_compare(const void *a, const void *b)
{
    return strcmp(((const wg_snapshot_file *)a)->name, ((const wg_snapshot_file *)b)->name);
}

void wg_snapshot_index_sort(wg_snapshot_index *index)
{
    size_t count = wg_snapshot_file_count(index);
    size_t kept = 0;
    if (count == 0) return;
    wg_snapshot_file *files = wg_snapshot_file_at(index, 0);
    qsort(files, count, sizeof *files, file_compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || file_compare(&files[kept - 1], &files[i]) != 0) files[kept++] = files[i];
    index->files.size = kept * sizeof *files;
}

const wg_snapshot_file *wg_snapshot_index_find(const wg_snapshot_index *index, const char *name)
{
    wg_snapshot_file key = {.name = name};
    if (index->files.size == 0) return NULL;
    return bsearch(&key, index->files.data, wg_snapshot_file_count(index), sizeof key,
                   file_compare);
}

waggle_status wg_snapshot_name_check(const char *name, waggle_error *error)
{
    size_t size = name == NULL ? 0 : strlen(name);
    bool temporary = size >= 4 && strcmp(name + size - 4, ".tmp") == 0;
    if (size > 0 && size <= WG_SNAPSHOT_NAME_SIZE_MAX && wg_name_is_safe(name) && !temporary)
        return WAGGLE_OK;
    return wg_fail(
        error, WAGGLE_INVALID,
        "\"%.100s\" is no name of a snapshot: 1 to %u of the characters A-Z a-z 0-9 _ . -, "
        "no dot first and no .tmp last",
        name == NULL ? "" : name, WG_SNAPSHOT_NAME_SIZE_MAX);
}

// ---- Writing -------------------------------------------------------------------------------------

static void digest_text(const uint8_t digest[WG_SHA256_SIZE], char text[2 * WG_SHA256_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < WG_SHA256_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
}

static void put_file(wg_json_writer *json, const wg_snapshot_file *file)
{
    char text[2 * WG_SHA256_SIZE];
    digest_text(file->digest, text);
    wg_json_object_begin(json);
    wg_json_key(json, "name");
    wg_json_put_text(json, file->name);
    wg_json_key(json, "size");
    wg_json_put_u64(json, file->size);
    wg_json_key(json, "sha256");
    wg_json_put_string(json, text, sizeof text);
    wg_json_object_end(json);
}

static bool index_encode(const wg_snapshot_index *index, wg_buffer *out)
{
    wg_json_writer json;
    wg_json_writer_init(&json, out, true);
    wg_json_object_begin(&json);
    wg_json_key(&json, "format");
    wg_json_put_u64(&json, WG_SNAPSHOT_FORMAT);
    wg_json_key(&json, "name");
    wg_json_put_text(&json, index->name);
    wg_json_key(&json, "created_s");
    wg_json_put_u64(&json, index->created_s);
    wg_json_key(&json, "sequence");
    wg_json_put_u64(&json, index->sequence);
    wg_json_key(&json, "collection");
    if (index->collection == NULL)
        wg_json_put_null(&json);
    else
        wg_json_put_text(&json, index->collection);
    wg_json_key(&json, "files");
    wg_json_array_begin(&json);
    for (size_t i = 0; i < wg_snapshot_file_count(index); i++)
        put_file(&json, wg_snapshot_file_at(index, i));
    wg_json_array_end(&json);
    uint32_t crc = wg_crc32c(0, out->data, out->size);
    wg_json_key(&json, "crc32c");
    wg_json_put_u64(&json, crc);
    wg_json_object_end(&json);
    return !json.failed && wg_buffer_append(out, "\n", 1);
}

waggle_status wg_snapshot_index_write(wg_vfs *vfs, const wg_snapshot_index *index,
                                      const char *folder, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    wg_buffer out;
    wg_buffer_init(&out, index->files.heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_path_join(path, folder, "SNAPSHOT", error);
    if (status == WAGGLE_OK && !index_encode(index, &out))
        status = wg_fail_memory(error, out.size, "a snapshot's list of files");
    if (status == WAGGLE_OK) status = wg_file_open(vfs, path, WG_OPEN_NEW, &file, error);
    if (status == WAGGLE_OK) status = wg_file_write(file, 0, out.data, out.size, error);
    if (status == WAGGLE_OK) status = wg_file_sync(file, error);
    wg_file_close(file);
    wg_buffer_finish(&out);
    return status;
}

// ---- Reading -------------------------------------------------------------------------------------

// What a reader of the JSON works on.
typedef struct index_reader {
    wg_json_reader json;
    wg_snapshot_index *index;
    uint64_t format;
    waggle_error *error;
} index_reader;

static waggle_status text_read(index_reader *reader, const char **text)
{
    wg_json_token token;
    waggle_text string;
    waggle_status status = wg_json_next(&reader->json, &token, reader->error);
    if (status != WAGGLE_OK) return status;
    if (token == WG_JSON_NULL) {
        *text = NULL;
        return WAGGLE_OK;
    }
    if (token != WG_JSON_STRING)
        return wg_fail(reader->error, WAGGLE_CORRUPT, "a text is expected");
    status = wg_json_string(&reader->json, &reader->index->arena, &string, reader->error);
    if (status != WAGGLE_OK) return status;
    char *copy = wg_arena_alloc(&reader->index->arena, string.size + 1, 1);
    if (copy == NULL) return wg_fail_memory(reader->error, string.size, "a text");
    memcpy(copy, string.data, string.size);
    copy[string.size] = 0;
    *text = copy;
    return strlen(copy) == string.size
               ? WAGGLE_OK
               : wg_fail(reader->error, WAGGLE_CORRUPT, "a text holds a zero byte");
}

static waggle_status number_read(index_reader *reader, uint64_t *number)
{
    wg_json_token token;
    waggle_status status = wg_json_next(&reader->json, &token, reader->error);
    if (status == WAGGLE_OK && token != WG_JSON_NUMBER)
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "a number is expected");
    return status == WAGGLE_OK ? wg_json_u64(&reader->json, number, reader->error) : status;
}

static waggle_status value_skip(index_reader *reader)
{
    wg_json_token token;
    waggle_status status = wg_json_next(&reader->json, &token, reader->error);
    return status == WAGGLE_OK ? wg_json_skip(&reader->json, token, reader->error) : status;
}

static int nibble(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static waggle_status digest_read(index_reader *reader, uint8_t digest[WG_SHA256_SIZE])
{
    const char *text = NULL;
    waggle_status status = text_read(reader, &text);
    if (status != WAGGLE_OK) return status;
    if (text == NULL || strlen(text) != 2 * WG_SHA256_SIZE)
        return wg_fail(reader->error, WAGGLE_CORRUPT, "a SHA-256 is expected");
    for (size_t i = 0; i < WG_SHA256_SIZE; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return wg_fail(reader->error, WAGGLE_CORRUPT, "a SHA-256 is expected");
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return WAGGLE_OK;
}

// Nothing may lead out of the folder.
static bool name_is_ours(const char *name)
{
    if (name == NULL) return false;
    if (strcmp(name, "MANIFEST") == 0) return true;
    return strncmp(name, "seg/", 4) == 0 && wg_name_is_safe(name + 4);
}

static waggle_status file_take(index_reader *reader, const wg_snapshot_file *file)
{
    wg_snapshot_index *index = reader->index;
    if (file->size > UINT64_MAX - index->bytes)
        return wg_fail(reader->error, WAGGLE_CORRUPT,
                       "%s has %" PRIu64 " bytes; with the files before it that is no size",
                       file->name, file->size);
    waggle_status status = add(index, file, reader->error);
    if (status == WAGGLE_OK) index->bytes += file->size;
    return status;
}

static waggle_status file_read(index_reader *reader)
{
    wg_snapshot_file file = {0};
    bool has_size = false;
    bool has_digest = false;
    wg_json_token token = WG_JSON_OBJECT_BEGIN;
    waggle_status status = WAGGLE_OK;
    while (status == WAGGLE_OK) {
        status = wg_json_next(&reader->json, &token, reader->error);
        if (status != WAGGLE_OK || token == WG_JSON_OBJECT_END) break;
        if (wg_json_equals(&reader->json, "name")) {
            status = text_read(reader, &file.name);
        } else if (wg_json_equals(&reader->json, "size")) {
            status = number_read(reader, &file.size);
            has_size = true;
        } else if (wg_json_equals(&reader->json, "sha256")) {
            status = digest_read(reader, file.digest);
            has_digest = true;
        } else {
            status = value_skip(reader);
        }
    }
    if (status == WAGGLE_OK && !name_is_ours(file.name))
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "\"%.100s\" is no file of a snapshot",
                         file.name == NULL ? "" : file.name);
    if (status == WAGGLE_OK && !(has_size && has_digest))
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "%s has no %s", file.name,
                         has_size ? "SHA-256" : "size");
    return status == WAGGLE_OK ? file_take(reader, &file) : status;
}

static waggle_status files_read(index_reader *reader)
{
    wg_json_token token;
    waggle_status status = wg_json_next(&reader->json, &token, reader->error);
    if (status == WAGGLE_OK && token != WG_JSON_ARRAY_BEGIN)
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "a list of files is expected");
    while (status == WAGGLE_OK) {
        status = wg_json_next(&reader->json, &token, reader->error);
        if (status != WAGGLE_OK || token == WG_JSON_ARRAY_END) break;
        status = token == WG_JSON_OBJECT_BEGIN
                     ? file_read(reader)
                     : wg_fail(reader->error, WAGGLE_CORRUPT, "a file is expected");
    }
    return status;
}

// At once: a newer format may go on in any way.
static waggle_status format_read(index_reader *reader)
{
    waggle_status status = number_read(reader, &reader->format);
    if (status == WAGGLE_OK && reader->format > WG_SNAPSHOT_FORMAT)
        return wg_fail(reader->error, WAGGLE_FORMAT_VERSION,
                       "format %" PRIu64 " is newer than %u, the newest this library reads",
                       reader->format, WG_SNAPSHOT_FORMAT);
    return status;
}

static waggle_status member_read(index_reader *reader)
{
    wg_snapshot_index *index = reader->index;
    const wg_json_reader *json = &reader->json;
    if (wg_json_equals(json, "format")) return format_read(reader);
    if (wg_json_equals(json, "name")) return text_read(reader, &index->name);
    if (wg_json_equals(json, "created_s")) return number_read(reader, &index->created_s);
    if (wg_json_equals(json, "sequence")) return number_read(reader, &index->sequence);
    if (wg_json_equals(json, "collection")) return text_read(reader, &index->collection);
    if (wg_json_equals(json, "files")) return files_read(reader);
    return value_skip(reader);
}

static waggle_status index_decode(index_reader *reader)
{
    wg_json_token token;
    waggle_status status = wg_json_next(&reader->json, &token, reader->error);
    if (status == WAGGLE_OK && token != WG_JSON_OBJECT_BEGIN)
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "an object is expected");
    while (status == WAGGLE_OK) {
        status = wg_json_next(&reader->json, &token, reader->error);
        if (status != WAGGLE_OK || token == WG_JSON_OBJECT_END) break;
        status = member_read(reader);
    }
    if (status == WAGGLE_OK) status = wg_json_next(&reader->json, &token, reader->error); // the end
    if (status == WAGGLE_OK && (reader->format == 0 || reader->index->name == NULL))
        status = wg_fail(reader->error, WAGGLE_CORRUPT, "format or name is missing");
    return status;
}

// Sorts the files. No two have the same name: which of them would count?
static waggle_status files_order(wg_snapshot_index *index, waggle_error *error)
{
    size_t count = wg_snapshot_file_count(index);
    wg_snapshot_index_sort(index);
    size_t doubles = count - wg_snapshot_file_count(index);
    if (doubles == 0) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT, "%zu of %zu files are listed before", doubles, count);
}

// The checksum is the last member, and covers what is before its comma.
static bool crc_matches(const wg_buffer *text)
{
    static const char key[] = "\"crc32c\":";
    size_t comma = text->size;
    uint64_t value = 0;
    while (comma > 0 && text->data[comma - 1] != ',')
        comma--;
    if (comma == 0) return false;
    size_t at = comma;
    while (at < text->size && (text->data[at] == ' ' || text->data[at] == '\n'))
        at++;
    if (text->size - at < sizeof key || memcmp(text->data + at, key, sizeof key - 1) != 0)
        return false;
    at += sizeof key - 1;
    while (at < text->size && text->data[at] == ' ')
        at++;
    for (; at < text->size && text->data[at] >= '0' && text->data[at] <= '9' && value <= UINT32_MAX;
         at++)
        value = value * 10 + (uint64_t)(text->data[at] - '0');
    return value == wg_crc32c(0, text->data, comma - 1);
}

static waggle_status text_load(wg_vfs *vfs, const char *path, wg_buffer *text, waggle_error *error)
{
    wg_file *file = NULL;
    uint64_t size = 0;
    waggle_status status = wg_file_open(vfs, path, WG_OPEN_READ, &file, error);
    if (status == WAGGLE_OK) status = wg_file_size(file, &size, error);
    if (status == WAGGLE_OK && size > INDEX_SIZE_MAX)
        status = wg_fail(error, WAGGLE_CORRUPT, "%" PRIu64 " bytes; the most is %u", size,
                         INDEX_SIZE_MAX);
    if (status == WAGGLE_OK && !wg_buffer_reserve(text, (size_t)size))
        status = wg_fail_memory(error, (size_t)size, "reading a snapshot");
    if (status == WAGGLE_OK) status = wg_file_read_all(file, 0, text->data, (size_t)size, error);
    if (status == WAGGLE_OK) text->size = (size_t)size;
    wg_file_close(file);
    return status;
}

waggle_status wg_snapshot_index_read(wg_vfs *vfs, wg_heap *heap, const char *folder,
                                     wg_snapshot_index *index, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_buffer text;
    wg_snapshot_index_init(index, heap);
    wg_buffer_init(&text, heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_path_join(path, folder, "SNAPSHOT", error);
    if (status == WAGGLE_OK) status = text_load(vfs, path, &text, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (!crc_matches(&text)) {
        status = wg_fail(error, WAGGLE_CORRUPT, "%s: its checksum does not match", path);
        goto cleanup;
    }
    index_reader reader = {.index = index, .error = error};
    wg_json_reader_init(&reader.json, (const char *)text.data, text.size);
    status = index_decode(&reader);
    if (status == WAGGLE_OK) status = files_order(index, error);
    if (status == WAGGLE_INVALID) status = WAGGLE_CORRUPT; // what the JSON reader says
    if (status != WAGGLE_OK) wg_fail_context(error, status, "%s", path);

cleanup:
    wg_buffer_finish(&text);
    return status;
}

// ---- Files ---------------------------------------------------------------------------------------

// Reads a file to its end; copies it into target (NULL = does not) and digests it into sha (NULL = does not).
static waggle_status file_walk(wg_vfs *vfs, wg_heap *heap, const char *path, wg_file *target,
                               wg_sha256 *sha, uint64_t *size, waggle_error *error)
{
    wg_file *file = NULL;
    uint8_t *bytes = wg_alloc(heap, WG_MEMORY_SCRATCH, STEP_SIZE);
    waggle_status status = bytes == NULL ? wg_fail_memory(error, STEP_SIZE, "reading a file")
                                         : wg_file_open(vfs, path, WG_OPEN_READ, &file, error);
    size_t got = STEP_SIZE;
    *size = 0;
    while (status == WAGGLE_OK && got == STEP_SIZE) {
        status = wg_file_read(file, *size, bytes, STEP_SIZE, &got, error);
        if (status != WAGGLE_OK) break;
        if (sha != NULL) wg_sha256_add(sha, bytes, got);
        if (target != NULL && got > 0) status = wg_file_write(target, *size, bytes, got, error);
        *size += got;
    }
    wg_file_close(file);
    wg_free(bytes);
    return status;
}

waggle_status wg_snapshot_place(wg_vfs *vfs, wg_heap *heap, const char *from, const char *to,
                                bool link, waggle_error *error)
{
    wg_file *target = NULL;
    uint64_t size = 0;
    if (link && wg_vfs_link(vfs, from, to, NULL) == WAGGLE_OK) return WAGGLE_OK;
    waggle_status status = wg_file_open(vfs, to, WG_OPEN_NEW, &target, error);
    if (status == WAGGLE_OK) status = file_walk(vfs, heap, from, target, NULL, &size, error);
    if (status == WAGGLE_NOT_FOUND)
        status = wg_fail(error, WAGGLE_CORRUPT, "%.300s is missing", from);
    if (status == WAGGLE_OK) status = wg_file_sync(target, error);
    wg_file_close(target);
    return status;
}

static bool is_segment(const char *path)
{
    size_t size = strlen(path);
    return size > 5 && strcmp(path + size - 5, ".wseg") == 0;
}

waggle_status wg_snapshot_measure(wg_vfs *vfs, wg_heap *heap, const char *path,
                                  wg_snapshot_file *file, waggle_error *error)
{
    wg_segment_file *segment = NULL;
    wg_sha256 *sha = wg_sha256_create();
    if (sha == NULL) return wg_fail_memory(error, 0, "a SHA-256");
    waggle_status status = file_walk(vfs, heap, path, NULL, sha, &file->size, error);
    wg_sha256_digest(sha, file->digest);
    wg_sha256_destroy(sha);
    if (status != WAGGLE_OK || !is_segment(path)) return status;
    status = wg_segment_open(vfs, heap, path, &segment, error);
    if (status == WAGGLE_OK) status = wg_segment_verify(segment, NULL, error);
    wg_segment_release(segment);
    return status;
}

waggle_status wg_snapshot_check(wg_vfs *vfs, wg_heap *heap, const char *path,
                                const wg_snapshot_file *expected, waggle_error *error)
{
    wg_snapshot_file found = {.name = expected->name};
    waggle_status status = wg_snapshot_measure(vfs, heap, path, &found, error);
    if (status == WAGGLE_NOT_FOUND)
        return wg_fail(error, WAGGLE_CORRUPT, "%s of the snapshot is missing", expected->name);
    if (status != WAGGLE_OK) return wg_fail_context(error, status, "%s", expected->name);
    if (found.size != expected->size)
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s has %" PRIu64 " bytes; the snapshot's has %" PRIu64, expected->name,
                       found.size, expected->size);
    if (memcmp(found.digest, expected->digest, sizeof found.digest) != 0)
        return wg_fail(error, WAGGLE_CORRUPT, "%s: its SHA-256 is not the snapshot's",
                       expected->name);
    return WAGGLE_OK;
}

// ---- Folders -------------------------------------------------------------------------------------

typedef struct folder_names {
    wg_arena arena;
    wg_buffer names; // const char *: files
    bool failed;
} folder_names;

static bool names_entry(void *context, const char *name, bool is_folder)
{
    folder_names *names = context;
    if (is_folder) return true;
    const char *copy = wg_arena_copy(&names->arena, name, strlen(name) + 1);
    names->failed = copy == NULL || !wg_buffer_append(&names->names, &copy, sizeof copy);
    return !names->failed;
}

// Removes the files of a folder, then the folder.
static waggle_status folder_remove(wg_vfs *vfs, wg_heap *heap, const char *folder,
                                   waggle_error *error)
{
    folder_names list = {0};
    char path[WG_PATH_SIZE_MAX];
    wg_arena_init(&list.arena, heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&list.names, heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_vfs_list(vfs, folder, names_entry, &list, error);
    bool missing = status == WAGGLE_NOT_FOUND;
    if (missing) {
        wg_error_clear(error);
        status = WAGGLE_OK;
    }
    if (status == WAGGLE_OK && list.failed)
        status = wg_fail_memory(error, list.names.size, "a list of files");
    const char *const *names = (const char *const *)(const void *)list.names.data;
    for (size_t i = 0; status == WAGGLE_OK && i < list.names.size / sizeof *names; i++) {
        status = wg_path_join(path, folder, names[i], error);
        if (status == WAGGLE_OK) status = wg_vfs_unlink(vfs, path, error);
    }
    if (status == WAGGLE_OK && !missing) status = wg_vfs_remove_dir(vfs, folder, error);
    wg_buffer_finish(&list.names);
    wg_arena_finish(&list.arena);
    return status;
}

waggle_status wg_snapshot_remove(wg_vfs *vfs, wg_heap *heap, const char *folder,
                                 waggle_error *error)
{
    char segments[WG_PATH_SIZE_MAX];
    waggle_status status = wg_path_join(segments, folder, "seg", error);
    if (status == WAGGLE_OK) status = folder_remove(vfs, heap, segments, error);
    if (status == WAGGLE_OK) status = folder_remove(vfs, heap, folder, error);
    return status;
}

static bool no_entry(void *context, const char *name, bool is_folder)
{
    (void)context;
    (void)name;
    (void)is_folder;
    return false;
}

waggle_status wg_snapshot_folder_find(wg_vfs *vfs, const char *path, bool *there,
                                      waggle_error *error)
{
    waggle_status status = wg_vfs_list(vfs, path, no_entry, NULL, error);
    *there = status == WAGGLE_OK;
    if (status != WAGGLE_NOT_FOUND) return status;
    wg_error_clear(error);
    return WAGGLE_OK;
}
