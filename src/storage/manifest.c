// The file MANIFEST.
//
//   0   header, 64 bytes     64  edits, each at a multiple of 8, one behind the other
//
//   header  0  "WAGGLEMF"        8  u32 format version of the directory
//          12  u32 next collection id          16  uuid of the database
//          32  u64 number before the first edit   40  u64 complete: last edit written with the header
//          48  u64 next file number            56  u32 salt       60  u32 CRC32C of bytes 0..59
//
//   edit    0  u32 size of its changes         4  u32 CRC32C of all else of the edit, begun with the salt
//           8  u64 number, one more than before    16  changes (manifest_state.c), zeros to 8 bytes
//
// An edit is flushed before the next one is written. So the first edit that is not sound ends the manifest if
// nothing sound follows (a crash while it was written: nobody was told), and is damage otherwise. To show damage of
// the last edit, too, an empty edit is written behind each one once it is flushed; the next edit replaces
// it.
//
// Opening for writing leaves a file alone that ends with an empty edit. Otherwise it truncates the file to its last
// edit, and writes that edit once more if no empty one proves it: when a flush fails, the operating system may give up what it could not write, still show it to whoever
// reads, and call the next flush a success.
//
// Rewriting: MANIFEST.new is written, flushed, and renamed over MANIFEST, and the folder is flushed. Everything
// up to `complete` was there before the rename, so a shorter file is damage.
#include "base/hash.h"
#include "base/system.h"
#include "storage/manifest_state.h"

#include <stdio.h>

#define HEADER_SIZE 64u
#define EDIT_HEADER_SIZE 16u
#define EDIT_SIZE_MAX (256u << 20)
#define EDIT_SIZE_TARGET (1u << 20) // of a rewritten file
#define REWRITE_SIZE_MIN (1u << 20)
#define WINDOW_SIZE (1u << 20)

static const char magic[8] = {'W', 'A', 'G', 'G', 'L', 'E', 'M', 'F'};

typedef struct manifest_header {
    uint8_t uuid[16];
    uint64_t base;
    uint64_t complete;
    uint64_t file_next;
    uint32_t collection_next;
    uint32_t salt;
} manifest_header;

struct wg_manifest {
    wg_vfs *vfs;
    wg_heap *heap;
    char *folder;
    char *path;     // folder/MANIFEST
    char *path_new; // folder/MANIFEST.new
    wg_file *file;
    bool read_only;
    bool failed;
    manifest_header header;
    uint64_t edit;       // the last
    uint64_t size;       // where the next edit goes
    uint64_t rewrite_at; // the size at which to think of it
    wg_manifest_state state;
};

// ---- The header.

static void header_encode(const manifest_header *header, uint8_t bytes[HEADER_SIZE])
{
    memset(bytes, 0, HEADER_SIZE);
    memcpy(bytes, magic, sizeof(magic));
    wg_put32(bytes + 8, WG_FORMAT_VERSION);
    wg_put32(bytes + 12, header->collection_next);
    memcpy(bytes + 16, header->uuid, 16);
    wg_put64(bytes + 32, header->base);
    wg_put64(bytes + 40, header->complete);
    wg_put64(bytes + 48, header->file_next);
    wg_put32(bytes + 56, header->salt);
    wg_put32(bytes + 60, wg_crc32c(0, bytes, 60));
}

static waggle_status header_decode(const uint8_t *bytes, const char *path, manifest_header *header,
                                   waggle_error *error)
{
    if (bytes == NULL || memcmp(bytes, magic, sizeof(magic)) != 0 ||
        wg_get32(bytes + 60) != wg_crc32c(0, bytes, 60)) {
        return wg_fail(error, WAGGLE_CORRUPT, "%s: the header is damaged", path);
    }
    uint32_t version = wg_get32(bytes + 8);
    if (version > WG_FORMAT_VERSION) {
        return wg_fail(error, WAGGLE_FORMAT_VERSION,
                       "%s: format %" PRIu32 " is newer than %u, the newest this library reads",
                       path, version, WG_FORMAT_VERSION);
    }
    *header = (manifest_header){
        .base = wg_get64(bytes + 32),
        .complete = wg_get64(bytes + 40),
        .file_next = wg_get64(bytes + 48),
        .collection_next = wg_get32(bytes + 12),
        .salt = wg_get32(bytes + 56),
    };
    memcpy(header->uuid, bytes + 16, 16);
    return WAGGLE_OK;
}

// ---- Edits as bytes.

static size_t edit_bytes(size_t size)
{
    return EDIT_HEADER_SIZE + (size_t)wg_round_up(size, 8);
}

// Leaves room for the header, which edit_end fills in.
static bool edit_begin(wg_buffer *buffer)
{
    buffer->size = 0;
    return wg_buffer_append_zeros(buffer, EDIT_HEADER_SIZE);
}

static uint32_t edit_crc(uint32_t salt, const uint8_t *edit, size_t bytes)
{
    return wg_crc32c(wg_crc32c(salt, edit, 4), edit + 8, bytes - 8);
}

static bool edit_end(wg_buffer *buffer, uint32_t salt, uint64_t number)
{
    size_t size = buffer->size - EDIT_HEADER_SIZE;
    if (!wg_buffer_append_zeros(buffer, edit_bytes(size) - buffer->size)) return false;
    wg_put32(buffer->data, (uint32_t)size);
    wg_put64(buffer->data + 8, number);
    wg_put32(buffer->data + 4, edit_crc(salt, buffer->data, buffer->size));
    return true;
}

// ---- Reading.

typedef struct edit_reader {
    wg_file *file;
    uint64_t size; // of the file
    uint64_t offset;
    uint64_t unproven; // where what nothing proves to be durable begins: an edit, or the offset
    bool proven;       // an empty edit ends the file: all before it was flushed
    wg_buffer window;
    uint64_t at; // of the window
} edit_reader;

static waggle_status window_move(edit_reader *reader, uint64_t offset, size_t size,
                                 const uint8_t **bytes, waggle_error *error)
{
    wg_buffer *window = &reader->window;
    *bytes = NULL;
    if (offset > reader->size || size > reader->size - offset) return WAGGLE_OK;
    if (offset < reader->at || offset + size > reader->at + window->size) {
        size_t wanted = (size_t)WG_MIN((uint64_t)WG_MAX(size, WINDOW_SIZE), reader->size - offset);
        window->size = 0;
        if (!wg_buffer_reserve(window, wanted)) {
            return wg_fail_memory(error, wanted, "reading the manifest");
        }
        waggle_status status = wg_file_read_all(reader->file, offset, window->data, wanted, error);
        if (status != WAGGLE_OK) return status;
        window->size = wanted;
        reader->at = offset;
    }
    *bytes = window->data + (offset - reader->at);
    return WAGGLE_OK;
}

// The edit at an offset, if it is sound and its number is in the range; else *edit is NULL.
static waggle_status edit_read(edit_reader *reader, uint64_t offset, uint32_t salt, uint64_t min,
                               uint64_t max, const uint8_t **edit, uint64_t *checked,
                               waggle_error *error)
{
    const uint8_t *bytes = NULL;
    *edit = NULL;
    waggle_status status = window_move(reader, offset, EDIT_HEADER_SIZE, &bytes, error);
    if (status != WAGGLE_OK || bytes == NULL) return status;
    size_t size = wg_get32(bytes);
    uint64_t number = wg_get64(bytes + 8);
    if (number < min || number > max || size > EDIT_SIZE_MAX) return WAGGLE_OK;
    status = window_move(reader, offset, edit_bytes(size), &bytes, error);
    if (status != WAGGLE_OK || bytes == NULL) return status;
    *checked += size;
    if (edit_crc(salt, bytes, edit_bytes(size)) == wg_get32(bytes + 4)) *edit = bytes;
    return WAGGLE_OK;
}

static waggle_status edit_apply(wg_manifest *manifest, const uint8_t *edit, uint64_t offset,
                                waggle_error *error)
{
    wg_reader reader = wg_reader_of(edit + EDIT_HEADER_SIZE, wg_get32(edit));
    while (wg_reader_left(&reader) > 0) {
        wg_change change;
        size_t name_size = 0;
        waggle_status status = WAGGLE_INVALID;
        if (wg_change_decode(&reader, &change, &name_size)) {
            status = wg_manifest_state_apply_sized(&manifest->state, &change, name_size, error);
            if (status == WAGGLE_OK) continue;
        } else {
            wg_fail(error, status, "a change that cannot be read");
        }
        status = status == WAGGLE_OUT_OF_MEMORY ? status : WAGGLE_CORRUPT;
        return wg_fail_context(error, status, "%s: edit at offset %" PRIu64, manifest->path,
                               offset);
    }
    return WAGGLE_OK;
}

// Is there a sound edit behind the place where reading ended? Boundaries are unknown there, so every multiple
// of 8 is tried; past twice the file's size of lookalikes we give up.
static waggle_status check_tail(wg_manifest *manifest, edit_reader *reader, waggle_error *error)
{
    uint64_t checked = 0;
    uint64_t first = manifest->edit + 1;
    for (uint64_t offset = reader->offset;
         offset + EDIT_HEADER_SIZE <= reader->size && checked <= 2 * reader->size; offset += 8) {
        const uint8_t *edit = NULL;
        uint64_t max = first + (offset - reader->offset) / EDIT_HEADER_SIZE + 1;
        waggle_status status = edit_read(reader, offset, manifest->header.salt, first + 1, max,
                                         &edit, &checked, error);
        if (status != WAGGLE_OK) return status;
        if (edit == NULL) continue;
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: edit %" PRIu64 " at offset %" PRIu64
                       " is damaged, and a later one is at %" PRIu64,
                       manifest->path, first, reader->offset, offset);
    }
    if (manifest->edit >= manifest->header.complete) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: edit %" PRIu64 " at offset %" PRIu64
                   " is damaged or missing; the file was written with %" PRIu64,
                   manifest->path, first, reader->offset, manifest->header.complete);
}

static waggle_status read_edits(wg_manifest *manifest, edit_reader *reader, waggle_error *error)
{
    for (;;) {
        const uint8_t *edit = NULL;
        uint64_t checked = 0;
        uint64_t next = manifest->edit + 1;
        waggle_status status = edit_read(reader, reader->offset, manifest->header.salt, next, next,
                                         &edit, &checked, error);
        if (status != WAGGLE_OK) return status;
        if (edit != NULL) reader->unproven = reader->offset; // all before it was flushed
        reader->proven = edit != NULL && wg_get32(edit) == 0;
        if (edit == NULL || reader->proven) break;
        status = edit_apply(manifest, edit, reader->offset, error);
        if (status != WAGGLE_OK) return status;
        reader->offset += edit_bytes(wg_get32(edit));
        manifest->edit = next;
    }
    return check_tail(manifest, reader, error);
}

// Cuts off what is behind the last edit, and makes the file durable up to there. The last edit is written once more
// if nothing proves it: what a killed process wrote may be with the operating system only, and after a flush that
// failed there, too, as if it were on the disk. A file that is as writing leaves it stays as it is.
static waggle_status settle(edit_reader *reader, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (reader->proven && reader->size == reader->offset + EDIT_HEADER_SIZE) return WAGGLE_OK;
    size_t size = (size_t)(reader->offset - reader->unproven);
    const uint8_t *edit = NULL;
    if (size > 0) status = window_move(reader, reader->unproven, size, &edit, error);
    if (edit != NULL) status = wg_file_write(reader->file, reader->unproven, edit, size, error);
    if (status == WAGGLE_OK && reader->size > reader->offset)
        status = wg_file_truncate(reader->file, reader->offset, error);
    if (status != WAGGLE_OK) return status;
    return wg_file_sync(reader->file, error);
}

static waggle_status manifest_read(wg_manifest *manifest, waggle_error *error)
{
    edit_reader reader = {.file = manifest->file, .offset = HEADER_SIZE, .unproven = HEADER_SIZE};
    wg_buffer_init(&reader.window, manifest->heap, WG_MEMORY_SCRATCH);
    const uint8_t *bytes = NULL;
    waggle_status status = wg_file_size(manifest->file, &reader.size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = window_move(&reader, 0, HEADER_SIZE, &bytes, error); // NULL if it is shorter
    if (status != WAGGLE_OK) goto cleanup;
    status = header_decode(bytes, manifest->path, &manifest->header, error);
    if (status != WAGGLE_OK) goto cleanup;
    manifest->edit = manifest->header.base;
    manifest->state.collection_next = WG_MAX(manifest->header.collection_next, 1);
    manifest->state.file_next = WG_MAX(manifest->header.file_next, 1);
    status = read_edits(manifest, &reader, error);
    if (status != WAGGLE_OK) goto cleanup;
    manifest->size = reader.offset;
    if (!manifest->read_only) status = settle(&reader, error);
cleanup:
    wg_buffer_finish(&reader.window);
    return status;
}

// ---- Writing a whole file.

typedef struct file_writer {
    wg_file *file;
    wg_buffer edit;
    uint64_t offset;
    manifest_header header;
} file_writer;

static waggle_status writer_flush(file_writer *writer, waggle_error *error)
{
    if (writer->edit.size == EDIT_HEADER_SIZE) return WAGGLE_OK;
    if (!edit_end(&writer->edit, writer->header.salt, writer->header.complete + 1)) {
        return wg_fail_memory(error, writer->edit.size, "writing the manifest");
    }
    waggle_status status =
        wg_file_write(writer->file, writer->offset, writer->edit.data, writer->edit.size, error);
    if (status != WAGGLE_OK) return status;
    writer->header.complete++;
    writer->offset += writer->edit.size;
    if (!edit_begin(&writer->edit)) return wg_fail_memory(error, EDIT_HEADER_SIZE, "an edit");
    return WAGGLE_OK;
}

static waggle_status writer_collection(file_writer *writer, const wg_collection_entry *entry,
                                       waggle_error *error)
{
    if (!wg_collection_encode(&writer->edit, entry)) {
        return wg_fail_memory(error, wg_collection_encoded_size(entry), "writing the manifest");
    }
    return writer->edit.size < EDIT_SIZE_TARGET ? WAGGLE_OK : writer_flush(writer, error);
}

static waggle_status writer_globals(file_writer *writer, const wg_manifest_state *state,
                                    waggle_error *error)
{
    wg_change durable = {.kind = WG_CHANGE_DURABLE, .sequence = state->durable};
    wg_change catalog = {.kind = WG_CHANGE_CATALOG_APPLIED, .sequence = state->catalog_applied};
    if (!edit_begin(&writer->edit) || !wg_change_encode(&writer->edit, &durable) ||
        !wg_change_encode(&writer->edit, &catalog)) {
        return wg_fail_memory(error, EDIT_SIZE_TARGET, "writing the manifest");
    }
    return WAGGLE_OK;
}

static waggle_status writer_all(file_writer *writer, const wg_manifest *manifest,
                                const uint32_t *collections, size_t count, waggle_error *error)
{
    const wg_manifest_state *state = &manifest->state;
    size_t total = collections == NULL ? state->count : count;
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; i < total && status == WAGGLE_OK; i++) {
        const wg_collection_entry *entry =
            collections == NULL ? state->entries[i] : wg_manifest_state_find(state, collections[i]);
        if (entry == NULL) {
            return wg_fail(error, WAGGLE_NOT_FOUND, "collection %" PRIu32 " is not in the manifest",
                           collections[i]);
        }
        status = writer_collection(writer, entry, error);
    }
    return status;
}

// Writes and flushes a manifest at path. *written: its header, *size: where its next edit goes.
static waggle_status write_whole(const wg_manifest *manifest, const uint32_t *collections,
                                 size_t count, const char *path, manifest_header *written,
                                 uint64_t *size, waggle_error *error)
{
    uint8_t bytes[HEADER_SIZE];
    file_writer writer = {.offset = HEADER_SIZE, .header = manifest->header};
    wg_buffer_init(&writer.edit, manifest->heap, WG_MEMORY_SCRATCH);
    writer.header.base = manifest->edit;
    writer.header.complete = manifest->edit;
    writer.header.collection_next = manifest->state.collection_next;
    writer.header.file_next = manifest->state.file_next;
    const wg_clock *clock = wg_clock_system();
    writer.header.salt = (uint32_t)clock->random(clock->context);
    waggle_status status = wg_file_open(manifest->vfs, path, WG_OPEN_NEW, &writer.file, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = writer_globals(&writer, &manifest->state, error);
    if (status == WAGGLE_OK) status = writer_all(&writer, manifest, collections, count, error);
    if (status == WAGGLE_OK) status = writer_flush(&writer, error);
    if (status != WAGGLE_OK) goto cleanup;
    header_encode(&writer.header, bytes);
    status = wg_file_write(writer.file, 0, bytes, sizeof(bytes), error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_file_sync(writer.file, error);
    if (status != WAGGLE_OK) goto cleanup;
    *written = writer.header;
    *size = writer.offset;
cleanup:
    wg_buffer_finish(&writer.edit);
    if (writer.file != NULL) {
        wg_file_close(writer.file);
        if (status != WAGGLE_OK) (void)wg_vfs_unlink(manifest->vfs, path, NULL);
    }
    return status;
}

waggle_status wg_manifest_export(const wg_manifest *manifest, const uint32_t *collections,
                                 size_t count, const char *path, waggle_error *error)
{
    manifest_header header;
    uint64_t size = 0;
    return write_whole(manifest, collections, count, path, &header, &size, error);
}

// ---- Rewriting.

static uint64_t state_bytes(const wg_manifest_state *state)
{
    uint64_t size = HEADER_SIZE;
    for (size_t i = 0; i < state->count; i++) {
        size += wg_collection_encoded_size(state->entries[i]);
    }
    return size;
}

static uint64_t rewrite_size(const wg_manifest *manifest)
{
    return WG_MAX(2 * state_bytes(&manifest->state), (uint64_t)REWRITE_SIZE_MIN);
}

// Puts a new file in place of the old one. Up to the rename nothing has changed; after it any error leaves unknown which
// of both a crash would leave, so the manifest takes no more edits.
static waggle_status replace(wg_manifest *manifest, waggle_error *error)
{
    manifest_header header;
    uint64_t size = 0;
    (void)wg_vfs_unlink(manifest->vfs, manifest->path_new, NULL); // of a crash
    waggle_status status =
        write_whole(manifest, NULL, 0, manifest->path_new, &header, &size, error);
    if (status != WAGGLE_OK) return status;
    wg_file_close(manifest->file);
    manifest->file = NULL;
    manifest->failed = true; // unless all that follows succeeds
    status = wg_vfs_rename(manifest->vfs, manifest->path_new, manifest->path, error);
    if (status != WAGGLE_OK) return status;
    status = wg_vfs_sync_dir(manifest->vfs, manifest->folder, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(manifest->vfs, manifest->path, WG_OPEN_WRITE, &manifest->file, error);
    if (status != WAGGLE_OK) return status;
    manifest->header = header;
    manifest->edit = header.complete;
    manifest->size = size;
    manifest->failed = false;
    return WAGGLE_OK;
}

// The edit before it is durable whatever happens here; a failure before the rename is tried again later.
static void rewrite_if_large(wg_manifest *manifest)
{
    if (manifest->size < manifest->rewrite_at) return;
    manifest->rewrite_at = rewrite_size(manifest);
    if (manifest->size < manifest->rewrite_at) return;
    if (replace(manifest, NULL) == WAGGLE_OK) return;
    manifest->rewrite_at = manifest->size + REWRITE_SIZE_MIN;
}

// ---- Opening.

static char *join(const wg_manifest *manifest, const char *name)
{
    size_t size = strlen(manifest->folder) + 1 + strlen(name) + 1;
    char *path = wg_alloc(manifest->heap, WG_MEMORY_OTHER, size);
    if (path != NULL) snprintf(path, size, "%s/%s", manifest->folder, name);
    return path;
}

static waggle_status make_paths(wg_manifest *manifest, const char *folder, waggle_error *error)
{
    manifest->folder = wg_strdup(manifest->heap, WG_MEMORY_OTHER, folder);
    if (manifest->folder != NULL) {
        manifest->path = join(manifest, "MANIFEST");
        manifest->path_new = join(manifest, "MANIFEST.new");
    }
    if (manifest->path != NULL && manifest->path_new != NULL) return WAGGLE_OK;
    return wg_fail_memory(error, strlen(folder) + 16, "the manifest");
}

waggle_status wg_manifest_open(wg_vfs *vfs, wg_heap *heap, const char *folder, bool create,
                               bool read_only, const uint8_t uuid[16], wg_manifest **manifest,
                               waggle_error *error)
{
    wg_manifest *made = wg_alloc_zeroed(heap, WG_MEMORY_OTHER, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "the manifest");
    made->vfs = vfs;
    made->heap = heap;
    made->read_only = read_only;
    wg_manifest_state_init(&made->state, heap);
    waggle_status status = make_paths(made, folder, error);
    if (status != WAGGLE_OK) goto cleanup;
    wg_open_mode mode = read_only ? WG_OPEN_READ : WG_OPEN_WRITE;
    status = wg_file_open(vfs, made->path, mode, &made->file, error);
    if (status == WAGGLE_OK) {
        status = manifest_read(made, error);
    } else if (status == WAGGLE_NOT_FOUND && create && !read_only) {
        memcpy(made->header.uuid, uuid, sizeof(made->header.uuid));
        status = replace(made, error);
    }
    if (status != WAGGLE_OK) goto cleanup;
    if (!read_only) (void)wg_vfs_unlink(vfs, made->path_new, NULL); // of a crash
    made->rewrite_at = rewrite_size(made);
    *manifest = made;
    return WAGGLE_OK;
cleanup:
    wg_manifest_close(made);
    return status;
}

void wg_manifest_close(wg_manifest *manifest)
{
    if (manifest == NULL) return;
    wg_file_close(manifest->file);
    wg_manifest_state_finish(&manifest->state);
    wg_free(manifest->path_new);
    wg_free(manifest->path);
    wg_free(manifest->folder);
    wg_free(manifest);
}

// ---- Committing.

static waggle_status encode_edit(const wg_manifest *manifest, const wg_change *changes,
                                 size_t count, wg_buffer *buffer, waggle_error *error)
{
    bool fits = edit_begin(buffer);
    for (size_t i = 0; i < count && fits; i++) {
        if (changes[i].kind == WG_CHANGE_COLLECTION_PUT && changes[i].name == NULL) {
            return wg_fail(error, WAGGLE_INVALID, "collection %" PRIu32 " has no name",
                           changes[i].collection);
        }
        fits = wg_change_encode(buffer, &changes[i]);
    }
    if (buffer->size > EDIT_SIZE_MAX) {
        return wg_fail(error, WAGGLE_INVALID, "an edit of %zu bytes; the most is %u", buffer->size,
                       EDIT_SIZE_MAX);
    }
    if (fits) fits = edit_end(buffer, manifest->header.salt, manifest->edit + 1);
    return fits ? WAGGLE_OK : wg_fail_memory(error, buffer->size, "an edit of the manifest");
}

// Applies the changes; *undone holds count entries to take them back. The whole edit or nothing.
static waggle_status apply_all(wg_manifest *manifest, const wg_change *changes, size_t count,
                               wg_manifest_undo *undo, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; i < count && status == WAGGLE_OK; i++) {
        status = wg_manifest_undo_init(&undo[i], &manifest->state, changes[i].collection, error);
    }
    for (size_t i = 0; i < count && status == WAGGLE_OK; i++) {
        status = wg_manifest_state_apply(&manifest->state, &changes[i], error);
    }
    return status;
}

// The empty edit behind the last one. The buffer has room for it.
static void prove(wg_manifest *manifest, wg_buffer *buffer)
{
    buffer->size = EDIT_HEADER_SIZE;
    (void)edit_end(buffer, manifest->header.salt, manifest->edit + 1);
    (void)wg_file_write(manifest->file, manifest->size, buffer->data, buffer->size, NULL);
}

// A full disk is not the end: what was written of the edit is cut off, and that is flushed.
static bool cut_off(wg_manifest *manifest, wg_buffer *buffer)
{
    if (wg_file_truncate(manifest->file, manifest->size, NULL) != WAGGLE_OK) return false;
    if (wg_file_sync(manifest->file, NULL) != WAGGLE_OK) return false;
    prove(manifest, buffer);
    return true;
}

// Writes and flushes the edit, then the empty one behind it.
static waggle_status write_edit(wg_manifest *manifest, wg_buffer *buffer, waggle_error *error)
{
    waggle_status status =
        wg_file_write(manifest->file, manifest->size, buffer->data, buffer->size, error);
    if (status == WAGGLE_DISK_FULL && cut_off(manifest, buffer)) return status;
    if (status == WAGGLE_OK) status = wg_file_sync(manifest->file, error);
    if (status != WAGGLE_OK) {
        manifest->failed = true;
        return status;
    }
    manifest->edit++;
    manifest->size += buffer->size;
    prove(manifest, buffer);
    return WAGGLE_OK;
}

static void undo_all(wg_manifest *manifest, const wg_manifest_state *before, wg_manifest_undo *undo,
                     size_t count)
{
    while (count-- > 0) {
        if (undo[count].id != 0) wg_manifest_undo_apply(&undo[count], &manifest->state);
    }
    manifest->state.collection_next = before->collection_next;
    manifest->state.file_next = before->file_next;
    manifest->state.durable = before->durable;
    manifest->state.catalog_applied = before->catalog_applied;
}

waggle_status wg_manifest_commit(wg_manifest *manifest, const wg_change *changes, size_t count,
                                 waggle_error *error)
{
    if (manifest->read_only || manifest->failed) {
        return wg_fail(error, WAGGLE_READ_ONLY, "%s: %s", manifest->path,
                       manifest->failed ? "writing it failed; it takes no more edits"
                                        : "it was opened read-only");
    }
    if (count == 0) return WAGGLE_OK;
    wg_buffer buffer;
    wg_buffer_init(&buffer, manifest->heap, WG_MEMORY_SCRATCH);
    wg_manifest_state before = manifest->state; // its numbers
    wg_manifest_undo *undo =
        wg_alloc_zeroed(manifest->heap, WG_MEMORY_SCRATCH, count * sizeof(wg_manifest_undo));
    waggle_status status = WAGGLE_OK;
    if (undo == NULL) {
        status = wg_fail_memory(error, count * sizeof(wg_manifest_undo), "an edit of the manifest");
        goto cleanup;
    }
    status = encode_edit(manifest, changes, count, &buffer, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = apply_all(manifest, changes, count, undo, error);
    if (status == WAGGLE_OK) status = write_edit(manifest, &buffer, error);
    if (status != WAGGLE_OK) undo_all(manifest, &before, undo, count);
    for (size_t i = 0; i < count; i++) {
        wg_manifest_undo_finish(&undo[i]);
    }
    if (status == WAGGLE_OK) rewrite_if_large(manifest);
cleanup:
    wg_free(undo);
    wg_buffer_finish(&buffer);
    return status;
}

// ---- The state.

const uint8_t *wg_manifest_uuid(const wg_manifest *manifest)
{
    return manifest->header.uuid;
}

uint64_t wg_manifest_durable(const wg_manifest *manifest)
{
    return manifest->state.durable;
}

uint64_t wg_manifest_catalog_applied(const wg_manifest *manifest)
{
    return manifest->state.catalog_applied;
}

size_t wg_manifest_collection_count(const wg_manifest *manifest)
{
    return manifest->state.count;
}

const wg_collection_entry *wg_manifest_collection_at(const wg_manifest *manifest, size_t index)
{
    WG_ASSERT(index < manifest->state.count);
    return manifest->state.entries[index];
}

const wg_collection_entry *wg_manifest_collection(const wg_manifest *manifest, uint32_t id)
{
    return wg_manifest_state_find(&manifest->state, id);
}

uint32_t wg_manifest_collection_next(const wg_manifest *manifest)
{
    return manifest->state.collection_next;
}

uint64_t wg_manifest_file_next(wg_manifest *manifest)
{
    return manifest->state.file_next++;
}

void wg_manifest_file_raise(wg_manifest *manifest, uint64_t above)
{
    manifest->state.file_next = WG_MAX(manifest->state.file_next, above + 1);
}

bool wg_manifest_failed(const wg_manifest *manifest)
{
    return manifest->failed;
}

uint64_t wg_manifest_size(const wg_manifest *manifest)
{
    return manifest->size;
}

// ---- Names of files.

void wg_name_segment(char *name, const wg_part_entry *part)
{
    snprintf(name, WG_FILE_NAME_SIZE, "seg/%" PRIu32 "-%" PRIu64 ".wseg", part->owner, part->file);
}

void wg_name_codes(char *name, const wg_part_entry *part)
{
    snprintf(name, WG_FILE_NAME_SIZE, "seg/%" PRIu32 "-%" PRIu64 "-p%" PRIu32 ".codes", part->owner,
             part->file, part->part);
}

void wg_name_deletes(char *name, uint32_t collection, const wg_part_entry *part)
{
    snprintf(name, WG_FILE_NAME_SIZE, "seg/%" PRIu32 "-%" PRIu64 "-p%" PRIu32 "-%" PRIu64 ".del",
             collection, part->file, part->part, part->deletes);
}

void wg_name_overlay(char *name, uint32_t collection, const wg_part_entry *part)
{
    snprintf(name, WG_FILE_NAME_SIZE, "seg/%" PRIu32 "-%" PRIu64 "-p%" PRIu32 "-%" PRIu64 ".pay",
             collection, part->file, part->part, part->overlay);
}
