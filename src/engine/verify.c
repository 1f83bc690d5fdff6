// Verifying a database: every byte that it wrote is read again and compared with its checksum, and the structures are
// compared with each other. A finding is reported and verifying goes on with what does not depend on it.
//
//   manifest     read again from disk: the same collections and parts as in memory
//   segments     opened anew, every block; per part: ids in order and found, documents and versions readable
//   codes        every block of those that are open: derived data, which is made again
//   deletes      and overlays: read again, the same as in memory at the last checkpoint
//   log          every file, as far as it is written
//   points       each live point is found where it is and nowhere else; counts are what the rows say
//
// `care` is held, so that no file vanishes; searches and writes go on. Live points are compared under `ids`, some
// thousand at a time.
#include "engine/codes.h"
#include "engine/engine.h"
#include "storage/log_format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_STEP 4096u // rows that are compared while writers wait
#define LOG_TRIES 8u    // a file of the log that grows meanwhile is read again

typedef struct checked_file {
    uint64_t number;
    uint32_t owner;
    bool bad;
} checked_file;

typedef struct verify_target {
    uint32_t id;
    const char *name;
    waggle_collection *collection; // NULL = it cannot be opened
} verify_target;

typedef struct verify {
    waggle_database *database;
    waggle_verify_fn found;
    void *context;
    waggle_verify_report report;
    char first[256]; // finding
    wg_arena names;
    wg_buffer targets; // verify_target
    wg_buffer files;   // checked_file, sorted and distinct after files_check
} verify;

// ---- Findings ------------------------------------------------------------------------------------

static void finding(verify *v, const char *file, const char *format, ...) WG_PRINTF(3, 4);

static void finding(verify *v, const char *file, const char *format, ...)
{
    char text[600];
    char quoted[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (v->report.findings++ == 0) snprintf(v->first, sizeof v->first, "%.80s: %.160s", file, text);
    wg_log_line(&v->database->logger, WAGGLE_LOG_ERROR, "event=finding file=%s what=%s", file,
                wg_log_quote(quoted, sizeof quoted, text));
    if (v->found != NULL) v->found(v->context, file, text);
}

// An error is a finding; only what says nothing about the files ends the verifying.
static waggle_status finding_of(verify *v, const char *file, waggle_status status,
                                const waggle_error *from, waggle_error *error)
{
    if (status == WAGGLE_OK) return WAGGLE_OK;
    if (status == WAGGLE_OUT_OF_MEMORY) {
        if (error != NULL) *error = *from;
        return status;
    }
    finding(v, file, "%s", from->message);
    return WAGGLE_OK;
}

static waggle_status no_memory(const wg_buffer *buffer, waggle_error *error)
{
    return wg_fail_memory(error, buffer->size, "verifying");
}

// ---- What there is -------------------------------------------------------------------------------

static waggle_status targets_list(verify *v, waggle_error *error)
{
    waggle_database *database = v->database;
    bool ok = true;
    wg_mutex_lock(&database->catalog_lock);
    for (size_t i = 0; ok && i < database->catalog.count; i++) {
        const wg_catalog_entry *entry = database->catalog.entries[i];
        if (entry->dropped) continue;
        verify_target target = {.id = entry->id,
                                .name =
                                    wg_arena_copy(&v->names, entry->name, strlen(entry->name) + 1)};
        ok = target.name != NULL && wg_buffer_append(&v->targets, &target, sizeof target);
    }
    wg_mutex_unlock(&database->catalog_lock);
    return ok ? WAGGLE_OK : no_memory(&v->targets, error);
}

static verify_target *target_at(const verify *v, size_t index)
{
    return (verify_target *)(void *)v->targets.data + index;
}

static size_t target_count(const verify *v)
{
    return v->targets.size / sizeof(verify_target);
}

// Opens every collection; one that was dropped since is no target.
static waggle_status targets_open(verify *v, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; status == WAGGLE_OK && i < target_count(v); i++) {
        verify_target *target = target_at(v, i);
        waggle_error why = {0};
        waggle_status opened =
            wg_collection_acquire(v->database, target->name, &target->collection, &why);
        if (opened != WAGGLE_NOT_FOUND) status = finding_of(v, "MANIFEST", opened, &why, error);
    }
    return status;
}

static bool file_add(verify *v, const wg_part_entry *part)
{
    checked_file file = {.number = part->file, .owner = part->owner};
    return wg_buffer_append(&v->files, &file, sizeof file);
}

// The files of all parts: those of the manifest, and those that only the log has yet.
static waggle_status files_list(verify *v, waggle_error *error)
{
    waggle_database *database = v->database;
    bool ok = true;
    wg_mutex_lock(&database->catalog_lock);
    for (size_t i = 0; ok && i < wg_manifest_collection_count(database->manifest); i++) {
        const wg_collection_entry *entry = wg_manifest_collection_at(database->manifest, i);
        for (uint32_t j = 0; ok && j < entry->part_count; j++)
            ok = file_add(v, &entry->parts[j]);
    }
    wg_mutex_unlock(&database->catalog_lock);
    for (size_t i = 0; ok && i < target_count(v); i++) {
        if (target_at(v, i)->collection == NULL) continue;
        wg_state *state = wg_state_acquire(target_at(v, i)->collection);
        for (uint32_t j = 0; ok && j < state->sealed_count; j++)
            if (!state->sealed[j].sealed->in_manifest)
                ok = file_add(v, &state->sealed[j].sealed->entry);
        wg_state_release(state);
    }
    return ok ? WAGGLE_OK : no_memory(&v->files, error);
}

static int file_compare(const void *a, const void *b)
{
    const checked_file *x = a;
    const checked_file *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

// Or not checked: an import that ended meanwhile.
static bool file_is_bad(const verify *v, uint64_t number)
{
    checked_file key = {.number = number};
    if (v->files.size == 0) return true;
    const checked_file *file =
        bsearch(&key, v->files.data, v->files.size / sizeof key, sizeof key, file_compare);
    return file == NULL || file->bad;
}

// Counts a file of the database.
static waggle_status file_count(verify *v, const char *name, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    uint64_t size = 0;
    waggle_status status = wg_database_path(v->database, name, path, error);
    if (status == WAGGLE_OK)
        status = wg_file_open(v->database->vfs, path, WG_OPEN_READ, &file, error);
    if (status == WAGGLE_OK) status = wg_file_size(file, &size, error);
    wg_file_close(file);
    if (status != WAGGLE_OK) return status;
    v->report.files++;
    v->report.bytes += size;
    return WAGGLE_OK;
}

// ---- Segment files -------------------------------------------------------------------------------

static waggle_status segment_check(verify *v, checked_file *file, waggle_error *error)
{
    waggle_database *database = v->database;
    wg_part_entry part = {.file = file->number, .owner = file->owner};
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    waggle_error why = {0};
    wg_segment_file *segment = NULL;
    uint64_t blocks = 0;
    wg_name_segment(name, &part);
    waggle_status status = wg_database_path(database, name, path, &why);
    if (status == WAGGLE_OK) status = file_count(v, name, &why);
    if (status == WAGGLE_OK)
        status = wg_segment_open(database->vfs, &database->heap, path, &segment, &why);
    if (status == WAGGLE_OK) status = wg_segment_verify(segment, &blocks, &why);
    v->report.blocks += blocks;
    wg_segment_release(segment);
    file->bad = status != WAGGLE_OK;
    return finding_of(v, name, status, &why, error);
}

static waggle_status files_check(verify *v, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    checked_file *files = (checked_file *)(void *)v->files.data;
    size_t count = v->files.size / sizeof *files;
    size_t kept = 0;
    if (count > 1) qsort(files, count, sizeof *files, file_compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || files[kept - 1].number != files[i].number) files[kept++] = files[i];
    v->files.size = kept * sizeof *files;
    for (size_t i = 0; status == WAGGLE_OK && i < kept; i++)
        status = segment_check(v, &files[i], error);
    return status;
}

// ---- Parts ---------------------------------------------------------------------------------------

static bool id_valid(const waggle_id *id)
{
    return id->kind != WAGGLE_ID_STRING || id->size > 0; // what no id is reads as an empty string
}

// The row at a place, or UINT32_MAX if order and rank contradict each other.
static uint32_t row_at(const wg_sealed *sealed, uint64_t place)
{
    const wg_id_column *ids = &sealed->ids;
    if (ids->order == NULL) return (uint32_t)place;
    uint32_t row = ids->order[place];
    return row < sealed->entry.rows && ids->rank[row] == place ? row : UINT32_MAX;
}

// Ids ascend, and each leads to its row. Of equal ones all but the last are born dead.
static void ids_check(verify *v, const char *name, const wg_sealed *sealed, const wg_mask *born)
{
    waggle_id before = {0};
    uint32_t row_before = 0;
    for (uint64_t place = 0; place < sealed->entry.rows; place++) {
        waggle_id id;
        uint32_t found = UINT32_MAX;
        uint32_t row = row_at(sealed, place);
        if (row == UINT32_MAX) {
            finding(v, name, "place %" PRIu64 " of part %u: order and rank of ids disagree", place,
                    sealed->entry.part);
            return;
        }
        wg_id_column_get(&sealed->ids, row, &id);
        int order = place == 0 ? -1 : wg_id_compare(&before, &id);
        if (!id_valid(&id) || order > 0 || (order == 0 && !wg_mask_get(born, row_before))) {
            finding(v, name, "row %u of part %u: the id is %s", row, sealed->entry.part,
                    !id_valid(&id) ? "damaged"
                    : order > 0    ? "out of order"
                                   : "there twice");
            return;
        }
        if (!wg_mask_get(born, row) && (!wg_sealed_find(sealed, &id, &found) || found != row)) {
            finding(v, name, "row %u of part %u: its id does not lead to it", row,
                    sealed->entry.part);
            return;
        }
        before = id;
        row_before = row;
    }
}

static waggle_status rows_check(verify *v, const char *name, wg_sealed *sealed, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    waggle_error why = {0};
    wg_document_reader *reader = wg_document_reader_create(&v->database->heap);
    if (reader == NULL) return wg_fail_memory(error, sizeof(void *), "verifying");
    for (uint64_t row = 0; status == WAGGLE_OK && row < sealed->entry.rows; row++) {
        waggle_text document;
        uint64_t version = 0;
        status = wg_sealed_version(sealed, row, &version, &why);
        if (status == WAGGLE_OK)
            status = wg_document_read(reader, &sealed->documents, row, &document, &why);
        if (status == WAGGLE_OK && version == 0)
            status = wg_fail(&why, WAGGLE_CORRUPT, "row %" PRIu64 " of part %u has no version", row,
                             sealed->entry.part);
    }
    wg_document_reader_destroy(reader);
    return finding_of(v, name, status, &why, error);
}

static waggle_status part_check(verify *v, const wg_sealed_view *view, waggle_error *error)
{
    wg_sealed *sealed = view->sealed;
    waggle_error why = {0};
    wg_mask *born = NULL;
    char name[WG_FILE_NAME_SIZE];
    if (file_is_bad(v, sealed->entry.file)) return WAGGLE_OK;
    wg_name_segment(name, &sealed->entry);
    waggle_status status = wg_sealed_born(sealed, &born, &why);
    if (status != WAGGLE_OK) return finding_of(v, name, status, &why, error);
    ids_check(v, name, sealed, born);
    wg_mask_release(born);
    return rows_check(v, name, sealed, error);
}

// ---- Codes ---------------------------------------------------------------------------------------

// Through the file that searches have open: what fails here would fail there.
static waggle_status codes_check(verify *v, wg_sealed *sealed, waggle_error *error)
{
    char name[WG_FILE_NAME_SIZE];
    waggle_error why = {0};
    uint64_t blocks = 0;
    wg_codes *codes = wg_codes_of(sealed);
    if (codes == NULL) return WAGGLE_OK;
    wg_name_codes(name, &sealed->entry);
    waggle_status status = file_count(v, name, &why);
    if (status == WAGGLE_OK) status = wg_segment_verify(codes->file, &blocks, &why);
    v->report.blocks += blocks;
    if (status == WAGGLE_OK || status == WAGGLE_OUT_OF_MEMORY)
        return finding_of(v, name, status, &why, error);
    wg_codes_drop(v->database, sealed, codes, &why);
    finding(v, name, "%s; codes are made again from the rows, which this does not concern",
            why.message);
    return WAGGLE_OK;
}

// ---- Deletes and overlays ------------------------------------------------------------------------

static bool masks_equal(const wg_mask *a, const wg_mask *b)
{
    static const uint64_t none[WG_MASK_WORDS];
    if (a->rows != b->rows || a->count != b->count) return false;
    for (uint32_t i = 0; i < a->page_count && i < b->page_count; i++) {
        const uint64_t *x = a->pages[i] == NULL ? none : a->pages[i];
        const uint64_t *y = b->pages[i] == NULL ? none : b->pages[i];
        if (memcmp(x, y, sizeof none) != 0) return false;
    }
    return true;
}

static waggle_status deletes_check(verify *v, uint32_t collection, const wg_sealed *sealed,
                                   waggle_error *error)
{
    waggle_database *database = v->database;
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    waggle_error why = {0};
    wg_mask *mask = NULL;
    uint64_t sequence = 0;
    wg_name_deletes(name, collection, &sealed->entry);
    waggle_status status = file_count(v, name, &why);
    if (status == WAGGLE_OK) status = wg_database_path(database, name, path, &why);
    if (status == WAGGLE_OK)
        status = wg_mask_read(database->vfs, &database->heap, path, sealed->entry.rows, &mask,
                              &sequence, &why);
    if (status == WAGGLE_OK && !masks_equal(mask, sealed->written))
        status = wg_fail(&why, WAGGLE_CORRUPT,
                         "%" PRIu64 " rows are dead in the file, %" PRIu64 " were when it was "
                         "written or read",
                         mask->count, sealed->written->count);
    wg_mask_release(mask);
    return finding_of(v, name, status, &why, error);
}

typedef struct overlay_walk {
    waggle_collection *collection;
    const wg_sealed *sealed;
} overlay_walk;

static waggle_status overlay_entry(void *context, const wg_overlay_entry *entry,
                                   waggle_error *error)
{
    const overlay_walk *walk = context;
    wg_rwlock_read(&walk->collection->ids);
    const wg_overlaid *held = wg_sealed_overlaid(walk->sealed, entry->row);
    bool known = held != NULL && held->version >= entry->version;
    wg_rwlock_unlock(&walk->collection->ids);
    if (known) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "the payload of row %u at version %" PRIu64 " is not the one in memory",
                   entry->row, entry->version);
}

static waggle_status overlay_check(verify *v, waggle_collection *collection,
                                   const wg_sealed *sealed, waggle_error *error)
{
    waggle_database *database = v->database;
    overlay_walk walk = {collection, sealed};
    char name[WG_FILE_NAME_SIZE];
    char path[WG_PATH_SIZE_MAX];
    waggle_error why = {0};
    uint64_t sequence = 0;
    wg_name_overlay(name, collection->id, &sealed->entry);
    waggle_status status = file_count(v, name, &why);
    if (status == WAGGLE_OK) status = wg_database_path(database, name, path, &why);
    if (status == WAGGLE_OK)
        status = wg_overlay_read(database->vfs, &database->heap, path, sealed->entry.rows,
                                 overlay_entry, &walk, &sequence, &why);
    return finding_of(v, name, status, &why, error);
}

// ---- Live points ---------------------------------------------------------------------------------

// Rows of one view, known by its part or its head, since indices of views move when an import ends.
typedef struct live_walk {
    waggle_collection *collection;
    const wg_sealed *sealed; // or
    const wg_head *head;
    uint32_t rows;
} live_walk;

// The view in a state, and its mask.
static uint32_t view_find(const live_walk *walk, const wg_state *state, const wg_mask **dead)
{
    for (uint32_t i = 0; walk->sealed != NULL && i < state->sealed_count; i++) {
        if (state->sealed[i].sealed != walk->sealed) continue;
        *dead = state->sealed[i].dead;
        return i;
    }
    for (uint32_t i = 0; walk->sealed == NULL && i < state->head_count; i++) {
        if (state->heads[i].head != walk->head) continue;
        *dead = state->heads[i].masks[0];
        return state->sealed_count + i;
    }
    WG_ASSERT(false); // no part and no head leaves its state while `care` is held
    return 0;
}

// Rows [first, end) that live must be where their ids lead, in the state of this moment. The row that is not, or
// UINT32_MAX.
static uint32_t live_step(const live_walk *walk, uint32_t first, uint32_t end)
{
    const wg_mask *dead = NULL;
    uint32_t wrong = UINT32_MAX;
    wg_rwlock_read(&walk->collection->ids);
    wg_state *state = wg_state_acquire(walk->collection);
    uint32_t view = view_find(walk, state, &dead);
    for (uint32_t row = first; wrong == UINT32_MAX && row < end; row++) {
        waggle_id id;
        if (wg_mask_get(dead, row)) continue;
        wg_state_id(state, (wg_place){view, row}, &id);
        wg_place place = wg_state_find(state, &id);
        if (place.view != view || place.row != row) wrong = row;
    }
    wg_rwlock_unlock(&walk->collection->ids);
    wg_state_release(state);
    return wrong;
}

static void live_check(verify *v, const char *name, const live_walk *walk)
{
    for (uint32_t first = 0; first < walk->rows;) {
        uint32_t end = first + WG_MIN(LIVE_STEP, walk->rows - first);
        uint32_t wrong = live_step(walk, first, end);
        if (wrong != UINT32_MAX) {
            finding(v, name, "row %u: the point is live here and elsewhere, or not found", wrong);
            return;
        }
        first = end;
    }
}

static void counts_check(verify *v, const char *name, const wg_state *state)
{
    uint64_t rows = 0;
    uint64_t dead = 0;
    for (uint32_t i = 0; i < state->sealed_count; i++) {
        rows += state->sealed[i].sealed->entry.rows;
        dead += state->sealed[i].dead->count;
    }
    for (uint32_t i = 0; i < state->head_count; i++) {
        rows += state->heads[i].slots;
        dead += state->heads[i].masks[0]->count;
    }
    v->report.points += state->points;
    if (state->points != rows - dead)
        finding(v, name,
                "%" PRIu64 " points are counted; %" PRIu64 " rows less %" PRIu64
                " dead ones are %" PRIu64,
                state->points, rows, dead, rows - dead);
}

// ---- Collections ---------------------------------------------------------------------------------

static waggle_status sealed_check(verify *v, waggle_collection *collection,
                                  const wg_sealed_view *view, waggle_error *error)
{
    wg_sealed *sealed = view->sealed;
    live_walk walk = {
        .collection = collection, .sealed = sealed, .rows = (uint32_t)sealed->entry.rows};
    char name[WG_FILE_NAME_SIZE];
    waggle_status status = part_check(v, view, error);
    if (status == WAGGLE_OK) status = codes_check(v, sealed, error);
    if (status == WAGGLE_OK && sealed->in_manifest && sealed->entry.deletes != 0)
        status = deletes_check(v, collection->id, sealed, error);
    if (status == WAGGLE_OK && sealed->in_manifest && sealed->entry.overlay != 0)
        status = overlay_check(v, collection, sealed, error);
    if (status != WAGGLE_OK || file_is_bad(v, sealed->entry.file)) return status;
    wg_name_segment(name, &sealed->entry);
    live_check(v, name, &walk);
    return WAGGLE_OK;
}

static waggle_status target_check(verify *v, const verify_target *target, waggle_error *error)
{
    waggle_collection *collection = target->collection;
    waggle_status status = WAGGLE_OK;
    if (collection == NULL) return WAGGLE_OK;
    wg_state *state = wg_state_acquire(collection);
    counts_check(v, target->name, state);
    for (uint32_t i = 0; status == WAGGLE_OK && i < state->sealed_count; i++)
        status = sealed_check(v, collection, &state->sealed[i], error);
    for (uint32_t i = 0; status == WAGGLE_OK && i < state->head_count; i++) {
        live_walk walk = {
            .collection = collection, .head = state->heads[i].head, .rows = state->heads[i].slots};
        live_check(v, target->name, &walk);
    }
    wg_state_release(state);
    return status;
}

// ---- Manifest and log ----------------------------------------------------------------------------

static bool entries_equal(const wg_collection_entry *a, const wg_collection_entry *b)
{
    if (a->id != b->id || a->created != b->created || a->applied != b->applied ||
        a->part_count != b->part_count || a->spec_size != b->spec_size ||
        strcmp(a->name, b->name) != 0 || memcmp(a->spec, b->spec, a->spec_size) != 0)
        return false;
    for (uint32_t i = 0; i < a->part_count; i++) {
        const wg_part_entry *x = &a->parts[i];
        const wg_part_entry *y = &b->parts[i];
        if (x->file != y->file || x->owner != y->owner || x->part != y->part ||
            x->rows != y->rows || x->sequence != y->sequence || x->bytes != y->bytes ||
            x->deletes != y->deletes || x->overlay != y->overlay)
            return false;
    }
    return true;
}

static void manifest_compare(verify *v, const wg_manifest *disk)
{
    const wg_manifest *memory = v->database->manifest;
    size_t count = wg_manifest_collection_count(memory);
    if (wg_manifest_collection_count(disk) != count) {
        finding(v, "MANIFEST", "%zu collections on disk, %zu in memory",
                wg_manifest_collection_count(disk), count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const wg_collection_entry *entry = wg_manifest_collection_at(memory, i);
        if (entries_equal(entry, wg_manifest_collection_at(disk, i))) continue;
        finding(v, "MANIFEST", "collection %u is not what it is in memory", entry->id);
        return;
    }
}

// The caller holds catalog_lock: nobody writes it.
static waggle_status manifest_check(verify *v, waggle_error *error)
{
    waggle_database *database = v->database;
    wg_manifest *disk = NULL;
    waggle_error why = {0};
    waggle_status status = file_count(v, "MANIFEST", &why);
    if (status == WAGGLE_OK)
        status = wg_manifest_open(database->vfs, &database->heap, database->path, false, true, NULL,
                                  &disk, &why);
    if (status == WAGGLE_OK) manifest_compare(v, disk);
    wg_manifest_close(disk);
    return finding_of(v, "MANIFEST", status, &why, error);
}

// A file that is written meanwhile may look damaged where a record was not yet there and a later one is: what is
// damaged stays so, and what grows is read again.
static waggle_status log_check(verify *v, const char *name, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    waggle_error why = {0};
    waggle_status status = wg_database_path(v->database, name, path, error);
    uint64_t before = 0;
    uint64_t records = 0;
    uint64_t end = 0;
    if (status != WAGGLE_OK) return status;
    status = file_count(v, name, &why);
    for (uint32_t i = 0; status == WAGGLE_OK && i < LOG_TRIES; i++) {
        status = wg_log_file_check(v->database->vfs, path, &records, &end, &why);
        if (status != WAGGLE_CORRUPT || (i > 0 && end == before)) break;
        before = end;
        status = i + 1 < LOG_TRIES ? WAGGLE_OK : status;
    }
    return finding_of(v, name, status, &why, error);
}

// ---- Folders -------------------------------------------------------------------------------------

// Names of a folder that are ours, or are not.
typedef struct folder_walk {
    verify *v;
    const char *folder; // "" = the database's
    wg_buffer logs;     // const char *: files of the log
    bool failed;
} folder_walk;

static bool is_one_of(const char *name, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, known[i]) == 0) return true;
    return false;
}

static bool is_of_segments(const char *name)
{
    uint32_t collection;
    uint32_t part;
    uint64_t file;
    uint64_t generation;
    int end = 0;
    if (sscanf(name, "%" SCNu32 "-%" SCNu64 ".wseg%n", &collection, &file, &end) == 2 && end > 0)
        return name[end] == 0;
    end = 0;
    if (sscanf(name, "%" SCNu32 "-%" SCNu64 "-p%" SCNu32 ".codes%n", &collection, &file, &part,
               &end) == 3 &&
        end > 0)
        return name[end] == 0;
    end = 0;
    return sscanf(name, "%" SCNu32 "-%" SCNu64 "-p%" SCNu32 "-%" SCNu64 ".%n", &collection, &file,
                  &part, &generation, &end) == 4 &&
           end > 0 && (strcmp(name + end, "del") == 0 || strcmp(name + end, "pay") == 0);
}

static bool walk_log(folder_walk *walk, const char *name)
{
    char path[WG_FILE_NAME_SIZE];
    uint64_t number = 0;
    if (!wg_log_name_parse(name, &number)) return false;
    int size = snprintf(path, sizeof path, "log/%s", name);
    const char *copy = wg_arena_copy(&walk->v->names, path, (size_t)size + 1);
    walk->failed = copy == NULL || !wg_buffer_append(&walk->logs, &copy, sizeof copy);
    return true;
}

static bool walk_entry(void *context, const char *name, bool is_folder)
{
    static const char *const files[] = {"LOCK", "MANIFEST", "MANIFEST.new"};
    static const char *const folders[] = {"log", "seg", "snapshots", "import"};
    folder_walk *walk = context;
    bool known;
    char quoted[600];
    if (walk->folder[0] == 0)
        known = is_folder ? is_one_of(name, folders, WG_COUNT(folders))
                          : is_one_of(name, files, WG_COUNT(files));
    else if (strcmp(walk->folder, "log") == 0)
        known = !is_folder && walk_log(walk, name);
    else if (strcmp(walk->folder, "seg") == 0)
        known = !is_folder && is_of_segments(name);
    else
        known = is_folder && wg_name_is_safe(name); // a snapshot
    if (!known) {
        walk->v->report.unknown++;
        wg_log_line(&walk->v->database->logger, WAGGLE_LOG_INFO,
                    "event=unknown_file folder=%s name=%s", walk->folder,
                    wg_log_quote(quoted, sizeof quoted, name));
    }
    return !walk->failed;
}

static waggle_status folder_check(verify *v, const char *folder, waggle_error *error)
{
    folder_walk walk = {.v = v, .folder = folder};
    char path[WG_PATH_SIZE_MAX];
    waggle_error why = {0};
    wg_buffer_init(&walk.logs, &v->database->heap, WG_MEMORY_SCRATCH);
    waggle_status status = wg_database_path(v->database, folder, path, &why);
    if (status == WAGGLE_OK)
        status = wg_vfs_list(v->database->vfs, folder[0] == 0 ? v->database->path : path,
                             walk_entry, &walk, &why);
    if (status == WAGGLE_NOT_FOUND) status = WAGGLE_OK; // made at its first use
    if (status == WAGGLE_OK && walk.failed) status = no_memory(&walk.logs, &why);
    status = finding_of(v, folder[0] == 0 ? "." : folder, status, &why, error);
    const char *const *logs = (const char *const *)(const void *)walk.logs.data;
    for (size_t i = 0; status == WAGGLE_OK && i < walk.logs.size / sizeof *logs; i++)
        status = log_check(v, logs[i], error);
    wg_buffer_finish(&walk.logs);
    return status;
}

static waggle_status folders_check(verify *v, waggle_error *error)
{
    static const char *const folders[] = {"", "log", "seg", "snapshots"};
    waggle_status status = WAGGLE_OK;
    for (size_t i = 0; status == WAGGLE_OK && i < WG_COUNT(folders); i++)
        status = folder_check(v, folders[i], error);
    return status;
}

// ---- Front ---------------------------------------------------------------------------------------

static waggle_status verify_run(verify *v, waggle_error *error)
{
    waggle_database *database = v->database;
    wg_mutex_lock(&database->catalog_lock);
    waggle_status status = manifest_check(v, error);
    wg_mutex_unlock(&database->catalog_lock);
    if (status == WAGGLE_OK) status = targets_list(v, error);
    if (status == WAGGLE_OK) status = targets_open(v, error);
    if (status == WAGGLE_OK) status = files_list(v, error);
    if (status == WAGGLE_OK) status = files_check(v, error);
    for (size_t i = 0; status == WAGGLE_OK && i < target_count(v); i++)
        status = target_check(v, target_at(v, i), error);
    if (status == WAGGLE_OK) status = folders_check(v, error);
    return status;
}

waggle_status waggle_verify(waggle_database *database, waggle_verify_fn found, void *context,
                            waggle_verify_report *report, waggle_error *error)
{
    verify v = {.database = database, .found = found, .context = context};
    wg_error_clear(error);
    wg_arena_init(&v.names, &database->heap, WG_MEMORY_SCRATCH, 4096);
    wg_buffer_init(&v.targets, &database->heap, WG_MEMORY_SCRATCH);
    wg_buffer_init(&v.files, &database->heap, WG_MEMORY_SCRATCH);
    wg_mutex_lock(&database->care);
    waggle_status status = verify_run(&v, error);
    wg_mutex_unlock(&database->care);
    for (size_t i = 0; i < target_count(&v); i++)
        waggle_collection_close(target_at(&v, i)->collection);
    wg_buffer_finish(&v.files);
    wg_buffer_finish(&v.targets);
    wg_arena_finish(&v.names);
    if (status == WAGGLE_OK && v.report.findings > 0)
        status = wg_fail(error, WAGGLE_CORRUPT, "%" PRIu64 " findings; the first: %s",
                         v.report.findings, v.first);
    if ((status == WAGGLE_OK || status == WAGGLE_CORRUPT) && report != NULL) *report = v.report;
    return status;
}
