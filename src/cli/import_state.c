#include "cli/import_state.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define PROBE_SIZE ((size_t)64 << 10)
#define STATE_SIZE_MAX ((uint64_t)64 << 10)

static const char folder_name[] = "import";

// ---- Fingerprints ------------------------------------------------------------------------------

waggle_status cli_fingerprint(const char *path, uint64_t *fingerprint, waggle_error *error)
{
    wg_file *file = NULL;
    uint64_t size = 0;
    uint8_t *probe = wg_alloc(NULL, WG_MEMORY_SCRATCH, PROBE_SIZE);
    waggle_status status = WAGGLE_OK;

    if (probe == NULL) return wg_fail_memory(error, PROBE_SIZE, "a look at the file");
    status = wg_file_open(wg_vfs_posix(), path, WG_OPEN_READ, &file, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_file_size(file, &size, error);
    if (status != WAGGLE_OK) goto cleanup;

    uint64_t hash = wg_hash64(size);
    uint64_t last = size > PROBE_SIZE ? size - PROBE_SIZE : 0;
    const uint64_t offsets[] = {0, last / 2, last};
    for (size_t i = 0; i < WG_COUNT(offsets); i++) {
        size_t got = 0;
        status = wg_file_read(file, offsets[i], probe, PROBE_SIZE, &got, error);
        if (status != WAGGLE_OK) goto cleanup;
        hash = wg_hash64(hash ^ wg_hash(probe, got));
    }
    *fingerprint = hash;

cleanup:
    wg_file_close(file);
    wg_free(probe);
    return status;
}

// ---- The file ----------------------------------------------------------------------------------

static waggle_status folder_path(char *path, const char *database, waggle_error *error)
{
    return wg_path_join(path, database, folder_name, error);
}

static waggle_status state_path(char *path, const cli_import_state *state, waggle_error *error)
{
    char folder[WG_PATH_SIZE_MAX];
    char name[32];
    uint64_t hash = wg_hash(state->collection, strlen(state->collection));

    hash = wg_hash64(hash ^ wg_hash(state->source, strlen(state->source)));
    if (state->payload != NULL) {
        hash = wg_hash64(hash ^ wg_hash(state->payload, strlen(state->payload)));
    }
    snprintf(name, sizeof(name), "%016" PRIx64 ".json", hash);
    waggle_status status = folder_path(folder, state->database, error);
    return status == WAGGLE_OK ? wg_path_join(path, folder, name, error) : status;
}

static waggle_status read_file(const char *path, wg_buffer *text, waggle_error *error)
{
    wg_file *file = NULL;
    uint64_t size = 0;
    waggle_status status = wg_file_open(wg_vfs_posix(), path, WG_OPEN_READ, &file, error);

    if (status != WAGGLE_OK) return status;
    status = wg_file_size(file, &size, error);
    if (status == WAGGLE_OK && size > STATE_SIZE_MAX) {
        status = wg_fail(error, WAGGLE_CORRUPT, "%s has %" PRIu64 " bytes; the most is %" PRIu64,
                         path, size, STATE_SIZE_MAX);
    }
    if (status == WAGGLE_OK && !wg_buffer_append_zeros(text, (size_t)size)) {
        status = wg_fail_memory(error, (size_t)size, "the state of an import");
    }
    if (status == WAGGLE_OK) {
        status = wg_file_read_all(file, 0, text->data, (size_t)size, error);
    }
    wg_file_close(file);
    return status;
}

// One member whose key was just read. Strings are kept in the arena.
static waggle_status read_member(wg_json_reader *reader, wg_arena *arena, cli_import_state *state,
                                 waggle_error *error)
{
    wg_json_token token = WG_JSON_END;
    waggle_text text = {0};
    uint64_t *number = NULL;
    const char **string = NULL;
    bool last_id = wg_json_equals(reader, "last_id");

    if (wg_json_equals(reader, "fingerprint")) number = &state->fingerprint;
    if (wg_json_equals(reader, "first_id")) number = &state->first_id;
    if (wg_json_equals(reader, "rows")) number = &state->rows;
    if (wg_json_equals(reader, "skipped")) number = &state->skipped;
    if (wg_json_equals(reader, "collection")) string = &state->collection;
    if (wg_json_equals(reader, "source")) string = &state->source;
    if (wg_json_equals(reader, "payload")) string = &state->payload;

    waggle_status status = wg_json_next(reader, &token, error);
    if (status != WAGGLE_OK) return status;
    if (number != NULL && token == WG_JSON_NUMBER) return wg_json_u64(reader, number, error);
    if (token != WG_JSON_STRING) return wg_json_skip(reader, token, error);
    status = wg_json_string(reader, arena, &text, error);
    if (status != WAGGLE_OK) return status;
    char *copy = wg_arena_alloc(arena, text.size + 1, 1);
    if (copy == NULL) return wg_fail_memory(error, text.size, "the state of an import");
    if (text.size > 0) memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (string != NULL) *string = copy;
    if (last_id) snprintf(state->last_id, sizeof(state->last_id), "%s", copy);
    return WAGGLE_OK;
}

static waggle_status parse_state(const wg_buffer *text, wg_arena *arena, cli_import_state *state,
                                 waggle_error *error)
{
    wg_json_reader reader;
    wg_json_token token = WG_JSON_END;

    wg_json_reader_init(&reader, (const char *)text->data, text->size);
    waggle_status status = wg_json_next(&reader, &token, error);
    if (status == WAGGLE_OK && token != WG_JSON_OBJECT_BEGIN) {
        status = wg_fail(error, WAGGLE_CORRUPT, "the state of an import is no object");
    }
    while (status == WAGGLE_OK) {
        status = wg_json_next(&reader, &token, error);
        if (status != WAGGLE_OK || token != WG_JSON_KEY) break;
        status = read_member(&reader, arena, state, error);
    }
    if (status == WAGGLE_OK && (state->collection == NULL || state->source == NULL)) {
        status = wg_fail(error, WAGGLE_CORRUPT, "the state of an import does not say of which");
    }
    return status == WAGGLE_INVALID ? WAGGLE_CORRUPT : status;
}

// What a file says; its strings lie in the arena. WAGGLE_CORRUPT if it is no state.
static waggle_status read_state(const char *path, wg_arena *arena, cli_import_state *state,
                                waggle_error *error)
{
    wg_buffer text;

    *state = (cli_import_state){0};
    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    waggle_status status = read_file(path, &text, error);
    if (status == WAGGLE_OK) status = parse_state(&text, arena, state, error);
    wg_buffer_finish(&text);
    return status;
}

// Other imports may have the same hash, and so the same file.
static bool is_same_import(const cli_import_state *a, const cli_import_state *b)
{
    const char *payload_a = a->payload == NULL ? "" : a->payload;
    const char *payload_b = b->payload == NULL ? "" : b->payload;

    return strcmp(a->collection, b->collection) == 0 && strcmp(a->source, b->source) == 0 &&
           strcmp(payload_a, payload_b) == 0;
}

waggle_status cli_import_state_load(cli_import_state *state, bool *found, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    cli_import_state read;
    wg_arena arena;

    *found = false;
    waggle_status status = state_path(path, state, error);
    if (status != WAGGLE_OK) return status;
    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    status = read_state(path, &arena, &read, error);
    if (status == WAGGLE_OK && is_same_import(&read, state)) {
        read.database = state->database;
        read.collection = state->collection;
        read.source = state->source;
        read.payload = state->payload;
        *state = read;
        *found = true;
    }
    wg_arena_finish(&arena);
    if (status == WAGGLE_NOT_FOUND || status == WAGGLE_CORRUPT) {
        wg_error_clear(error);
        return WAGGLE_OK;
    }
    return status;
}

static bool format_state(const cli_import_state *state, wg_buffer *text)
{
    wg_json_writer json;

    wg_json_writer_init(&json, text, false);
    wg_json_object_begin(&json);
    wg_json_key(&json, "collection");
    wg_json_put_text(&json, state->collection);
    wg_json_key(&json, "source");
    wg_json_put_text(&json, state->source);
    if (state->payload != NULL) {
        wg_json_key(&json, "payload");
        wg_json_put_text(&json, state->payload);
    }
    wg_json_key(&json, "fingerprint");
    wg_json_put_u64(&json, state->fingerprint);
    wg_json_key(&json, "first_id");
    wg_json_put_u64(&json, state->first_id);
    wg_json_key(&json, "rows");
    wg_json_put_u64(&json, state->rows);
    wg_json_key(&json, "skipped");
    wg_json_put_u64(&json, state->skipped);
    wg_json_key(&json, "last_id");
    wg_json_put_text(&json, state->last_id);
    wg_json_object_end(&json);
    return !json.failed && wg_buffer_append(text, "\n", 1);
}

static waggle_status write_synced(const char *path, const wg_buffer *text, waggle_error *error)
{
    wg_file *file = NULL;
    waggle_status status = wg_file_open(wg_vfs_posix(), path, WG_OPEN_CREATE, &file, error);

    if (status == WAGGLE_OK) status = wg_file_truncate(file, 0, error);
    if (status == WAGGLE_OK) status = wg_file_write(file, 0, text->data, text->size, error);
    if (status == WAGGLE_OK) status = wg_file_sync(file, error);
    wg_file_close(file);
    // What fits on no disk would only take room there.
    if (status != WAGGLE_OK) (void)wg_vfs_unlink(wg_vfs_posix(), path, NULL);
    return status;
}

waggle_status cli_import_state_save(const cli_import_state *state, waggle_error *error)
{
    char folder[WG_PATH_SIZE_MAX], path[WG_PATH_SIZE_MAX], next[WG_PATH_SIZE_MAX + 8];
    wg_buffer text;
    wg_vfs *vfs = wg_vfs_posix();

    wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
    waggle_status status = folder_path(folder, state->database, error);
    if (status == WAGGLE_OK) status = state_path(path, state, error);
    if (status == WAGGLE_OK && !format_state(state, &text)) {
        status = wg_fail_memory(error, text.size, "the state of an import");
    }
    if (status == WAGGLE_OK) status = wg_vfs_make_dir(vfs, folder, error);
    if (status == WAGGLE_OK) {
        snprintf(next, sizeof(next), "%s.new", path);
        status = write_synced(next, &text, error);
    }
    if (status == WAGGLE_OK) status = wg_vfs_rename(vfs, next, path, error);
    if (status == WAGGLE_OK) status = wg_vfs_sync_dir(vfs, folder, error);
    wg_buffer_finish(&text);
    return status;
}

void cli_import_state_remove(const cli_import_state *state)
{
    char path[WG_PATH_SIZE_MAX];

    // A file that stays behind does no harm: its import would go on behind the last row.
    if (state_path(path, state, NULL) != WAGGLE_OK) return;
    (void)wg_vfs_unlink(wg_vfs_posix(), path, NULL);
    if (folder_path(path, state->database, NULL) == WAGGLE_OK) {
        (void)wg_vfs_remove_dir(wg_vfs_posix(), path, NULL);
    }
}

// ---- All imports into a collection -------------------------------------------------------------

typedef struct state_walk {
    char folder[WG_PATH_SIZE_MAX];
    wg_buffer names; // each ended by NUL
    bool failed;
} state_walk;

static bool walk_name(void *context, const char *name, bool is_folder)
{
    state_walk *walk = context;

    walk->failed = !is_folder && !wg_buffer_append(&walk->names, name, strlen(name) + 1);
    return !walk->failed;
}

typedef waggle_status (*state_visit)(const char *path, const cli_import_state *state,
                                     const void *context, waggle_error *error);

// Calls visit for each file of the collection, until one fails. Files that are no states are passed over.
static waggle_status each_state(const char *database, const char *collection, state_visit visit,
                                const void *context, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    state_walk walk = {0};
    cli_import_state state;
    wg_arena arena;

    wg_buffer_init(&walk.names, NULL, WG_MEMORY_SCRATCH);
    wg_arena_init(&arena, NULL, WG_MEMORY_SCRATCH, 4096);
    waggle_status status = folder_path(walk.folder, database, error);
    if (status == WAGGLE_OK) {
        status = wg_vfs_list(wg_vfs_posix(), walk.folder, walk_name, &walk, error);
    }
    if (walk.failed) status = wg_fail_memory(error, walk.names.size, "a list of imports");
    for (size_t at = 0; status == WAGGLE_OK && at < walk.names.size;) {
        const char *name = (const char *)walk.names.data + at;
        at += strlen(name) + 1;
        status = wg_path_join(path, walk.folder, name, error);
        if (status != WAGGLE_OK) break;
        if (read_state(path, &arena, &state, NULL) != WAGGLE_OK) continue;
        if (strcmp(state.collection, collection) != 0) continue;
        state.database = database;
        status = visit(path, &state, context, error);
    }
    wg_arena_finish(&arena);
    wg_buffer_finish(&walk.names);
    if (status != WAGGLE_NOT_FOUND) return status;
    wg_error_clear(error); // there is no folder: no import was interrupted
    return WAGGLE_OK;
}

static waggle_status visit_forget(const char *path, const cli_import_state *state,
                                  const void *context, waggle_error *error)
{
    (void)state;
    (void)context;
    return wg_vfs_unlink(wg_vfs_posix(), path, error);
}

void cli_import_states_forget(const char *database, const char *collection)
{
    char folder[WG_PATH_SIZE_MAX];

    (void)each_state(database, collection, visit_forget, NULL, NULL);
    if (folder_path(folder, database, NULL) == WAGGLE_OK) {
        (void)wg_vfs_remove_dir(wg_vfs_posix(), folder, NULL); // unless other imports remain
    }
}

static waggle_status visit_copy(const char *path, const cli_import_state *state,
                                const void *context, waggle_error *error)
{
    cli_import_state copy = *state;

    (void)path;
    copy.collection = context;
    return cli_import_state_save(&copy, error);
}

waggle_status cli_import_states_copy(const char *database, const char *collection,
                                     const char *new_name, waggle_error *error)
{
    return each_state(database, collection, visit_copy, new_name, error);
}
