// Opening a log: which files hold records, where the last whole batch ends, whether what follows is a torn
// end or damage, and making a torn end impossible to find again. The rules are in log_format.h.
#include "storage/log_file.h"

#include <stdlib.h>
#include <string.h>

#define ZEROS_SIZE (64u << 10)
#define REWRITE_SIZE (16u << 10)

// What is known of the end. Places are indexes of log->files.
typedef struct log_end {
    uint64_t committed; // the last sequence of the last whole batch
    uint32_t file;      // in which it ends
    uint64_t offset;
    uint64_t unproven;    // from here to the offset nothing proves the file to be durable
    bool closed;          // as closing leaves it: one record behind it, which proves all before
    wg_log_tail tail;     // what is found behind it in that file
    uint64_t damaged_seq; // where reading ended in the last file
    uint64_t damaged_offset;
} log_end;

typedef struct number_list {
    wg_heap *heap;
    uint64_t *numbers;
    uint32_t count;
    uint32_t capacity;
    bool no_memory;
} number_list;

// ---- The folder.

static bool list_add(void *context, const char *name, bool is_folder)
{
    number_list *list = context;
    uint64_t number = 0;
    if (is_folder || !wg_log_name_parse(name, &number)) return true; // not ours: left alone
    if (list->count == list->capacity) {
        uint32_t capacity = 2 * list->capacity + 16;
        uint64_t *numbers =
            wg_realloc(list->heap, WG_MEMORY_LOG, list->numbers, capacity * sizeof(uint64_t));
        if (numbers == NULL) {
            list->no_memory = true;
            return false;
        }
        list->numbers = numbers;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = number;
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static waggle_status list_files(wg_file_log *log, number_list *list, waggle_error *error)
{
    waggle_status status = wg_vfs_list(log->vfs, log->folder, list_add, list, error);
    if (list->no_memory) return wg_fail_memory(error, sizeof(uint64_t), "the files of the log");
    if (status == WAGGLE_NOT_FOUND && log->read_only) return WAGGLE_OK;
    if (status != WAGGLE_OK) return status;
    if (list->count > 1) qsort(list->numbers, list->count, sizeof(uint64_t), by_number);
    return WAGGLE_OK;
}

// The folder's own name must be durable, too, before a record is.
static waggle_status make_folder(wg_file_log *log, waggle_error *error)
{
    char parent[WG_PATH_SIZE_MAX];
    waggle_status status = wg_vfs_make_dir(log->vfs, log->folder, error);
    if (status != WAGGLE_OK) return status;
    const char *slash = strrchr(log->folder, '/');
    if (slash == log->folder) slash++; // "/log" is in "/"
    size_t size = slash == NULL ? 0 : (size_t)(slash - log->folder);
    if (size >= sizeof(parent)) {
        return wg_fail(error, WAGGLE_INVALID, "a path has %zu bytes; the most is %u", size,
                       WG_PATH_SIZE_MAX - 1);
    }
    if (size == 0) {
        memcpy(parent, ".", 2);
    } else {
        memcpy(parent, log->folder, size);
        parent[size] = '\0';
    }
    return wg_vfs_sync_dir(log->vfs, parent, error);
}

// ---- Headers.

static waggle_status file_inspect(wg_file_log *log, uint64_t number, wg_log_file *inspected,
                                  bool *sound, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    *inspected = (wg_log_file){0};
    waggle_status status = wg_log_path(log, path, number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_READ, &file, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_size(file, &inspected->size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_log_header_read(file, path, number, &inspected->header, sound, error);
cleanup:
    wg_file_close(file);
    return status;
}

// Fills log->files with the files up to the last one that has a sound header. One without before
// it is damaged or was never used: it counts as empty, so that reading meets the gap if there is one, and trim
// removes it in its turn.
static waggle_status read_headers(wg_file_log *log, const number_list *list, waggle_error *error)
{
    uint32_t sound_count = 0;
    size_t size = (list->count + 2) * sizeof(wg_log_file);
    log->files = wg_alloc_zeroed(log->heap, WG_MEMORY_LOG, size);
    if (log->files == NULL) return wg_fail_memory(error, size, "the files of the log");
    log->file_capacity = list->count + 2;
    for (uint32_t i = 0; i < list->count; i++) {
        bool sound = false;
        wg_log_file *file = &log->files[i];
        waggle_status status = file_inspect(log, list->numbers[i], file, &sound, error);
        if (status != WAGGLE_OK) return status;
        if (sound) sound_count = i + 1;
        if (!sound) file->header = (wg_log_header){.number = list->numbers[i]};
    }
    log->file_count = sound_count;
    for (uint32_t i = sound_count; i-- > 0;) {
        if (log->files[i].header.first != 0) continue;
        uint64_t number = log->files[i].header.number;
        log->files[i].header = log->files[i + 1].header;
        log->files[i].header.number = number;
    }
    return WAGGLE_OK;
}

// A batch can have begun in an earlier file; sequences must rise from file to file.
static waggle_status check_order(wg_file_log *log, waggle_error *error)
{
    for (uint32_t i = 1; i < log->file_count; i++) {
        const wg_log_header *before = &log->files[i - 1].header;
        const wg_log_header *header = &log->files[i].header;
        if (before->first <= header->first && before->follows <= header->follows) continue;
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: file %" PRIu64 " begins at record %" PRIu64 ", file %" PRIu64
                       " before it at %" PRIu64,
                       log->folder, header->number, header->first, before->number, before->first);
    }
    return WAGGLE_OK;
}

// ---- The end.

static waggle_status cursor_open(wg_file_log *log, wg_log_cursor *cursor, const wg_log_file *place,
                                 wg_file **file, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = wg_log_path(log, path, place->header.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_READ, file, error);
    if (status != WAGGLE_OK) return status;
    uint64_t size = WG_MIN(place->size, place->header.size);
    wg_log_cursor_set(cursor, *file, size, place->header.salt, WG_LOG_DATA_START);
    return WAGGLE_OK;
}

// Walks the last file to its end. If a batch ends in it, that is the end of the log.
static waggle_status walk_last(wg_file_log *log, wg_log_cursor *cursor, log_end *end,
                               waggle_error *error)
{
    wg_file *file = NULL;
    const wg_log_file *last = &log->files[log->file_count - 1];
    waggle_status status = cursor_open(log, cursor, last, &file, error);
    if (status != WAGGLE_OK) return status;
    uint64_t seq = last->header.first;
    uint64_t proven = seq - 1; // what proves a record of this file proves its header, too
    bool sound = true;
    *end = (log_end){.committed = last->header.committed,
                     .file = log->file_count - 1,
                     .offset = WG_LOG_DATA_START};
    for (;;) {
        wg_log_entry entry;
        uint64_t offset = cursor->offset;
        status = wg_log_cursor_next(cursor, seq, &entry, &sound, error);
        if (status != WAGGLE_OK) goto cleanup;
        if (!sound) break;
        seq++;
        if (entry.durable > proven) { // all before it: a record is written behind what was flushed
            proven = entry.durable;
            end->unproven = offset;
        }
        if (!entry.commit) continue;
        end->committed = entry.seq;
        end->offset = cursor->offset;
    }
    end->damaged_seq = seq;
    end->damaged_offset = cursor->offset;
    cursor->offset = end->offset;
    status = wg_log_cursor_tail(cursor, WG_MAX(end->committed + 1, last->header.first), &end->tail,
                                error);
    if (end->tail.durable >= WG_MAX(end->committed, last->header.first)) {
        end->unproven = end->offset;
        end->closed = end->tail.complete && end->tail.end == end->offset + WG_RECORD_HEADER_SIZE;
    }
    end->unproven = WG_MIN(end->unproven, end->offset);
cleanup:
    wg_file_close(file);
    return status;
}

// No batch ends in the last file, and the one in progress began in an earlier one: its end is there.
static waggle_status walk_back(wg_file_log *log, wg_log_cursor *cursor, log_end *end,
                               waggle_error *error)
{
    wg_file *file = NULL;
    while (end->file > 0 && log->files[end->file].header.follows > end->committed) {
        end->file--;
    }
    const wg_log_file *place = &log->files[end->file];
    waggle_status status = cursor_open(log, cursor, place, &file, error);
    if (status != WAGGLE_OK) return status;
    for (uint64_t seq = place->header.first; seq <= end->committed; seq++) {
        wg_log_entry entry;
        bool sound = false;
        status = wg_log_cursor_next(cursor, seq, &entry, &sound, error);
        if (status != WAGGLE_OK) goto cleanup;
        if (sound) continue;
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: file %" PRIu64 ": record %" PRIu64 " at offset %" PRIu64
                         " is damaged, and later ones are there",
                         log->folder, place->header.number, seq, cursor->offset);
        goto cleanup;
    }
    end->offset = cursor->offset;
    end->unproven = end->offset; // the next file's header proves this one
    end->closed = false;
    uint64_t seq = WG_MAX(end->committed + 1, place->header.first);
    status = wg_log_cursor_tail(cursor, seq, &end->tail, error);
cleanup:
    wg_file_close(file);
    return status;
}

// A torn end is one that nothing proves to have been durable.
static waggle_status check_evidence(wg_file_log *log, const log_end *end, uint64_t proven,
                                    uint64_t durable_at_least, waggle_error *error)
{
    const wg_log_file *last = &log->files[log->file_count - 1];
    if (last->size < last->header.size) {
        return wg_fail(error, WAGGLE_CORRUPT,
                       "%s: file %" PRIu64 " has %" PRIu64 " bytes; its header says %" PRIu32,
                       log->folder, last->header.number, last->size, last->header.size);
    }
    proven = WG_MAX(proven, durable_at_least);
    if (proven <= end->committed) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: file %" PRIu64 ": record %" PRIu64 " at offset %" PRIu64
                   " is damaged or missing, and records up to %" PRIu64 " had been durable",
                   log->folder, last->header.number, end->damaged_seq, end->damaged_offset, proven);
}

static waggle_status find_end(wg_file_log *log, uint64_t durable_at_least, log_end *end,
                              waggle_error *error)
{
    wg_log_cursor cursor;
    wg_log_cursor_init(&cursor, log->heap);
    waggle_status status = walk_last(log, &cursor, end, error);
    if (status != WAGGLE_OK) goto cleanup;
    uint64_t proven = end->tail.durable;
    status = check_evidence(log, end, proven, durable_at_least, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (end->committed < log->files[end->file].header.follows) {
        status = walk_back(log, &cursor, end, error);
    }
cleanup:
    wg_log_cursor_finish(&cursor);
    return status;
}

// ---- Cutting off.

static waggle_status zero_range(wg_file *file, uint64_t from, uint64_t to, waggle_error *error)
{
    static const uint8_t zeros[ZEROS_SIZE];
    waggle_status status = WAGGLE_OK;
    while (from < to && status == WAGGLE_OK) {
        size_t size = (size_t)WG_MIN(to - from, (uint64_t)sizeof(zeros));
        status = wg_file_write(file, from, zeros, size, error);
        from += size;
    }
    return status;
}

static waggle_status write_again(wg_file *file, uint64_t from, uint64_t to, waggle_error *error)
{
    uint8_t bytes[REWRITE_SIZE];
    waggle_status status = WAGGLE_OK;
    while (from < to && status == WAGGLE_OK) {
        size_t size = (size_t)WG_MIN(to - from, (uint64_t)sizeof(bytes));
        status = wg_file_read_all(file, from, bytes, size, error);
        if (status == WAGGLE_OK) status = wg_file_write(file, from, bytes, size, error);
        from += size;
    }
    return status;
}

// Makes the file durable up to the end, and zeros behind it up to `to`. The file stays open.
static waggle_status file_settle(wg_file_log *log, const log_end *end, uint64_t to,
                                 wg_file **opened, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    waggle_status status = wg_log_path(log, path, log->files[end->file].header.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_WRITE, &file, error);
    if (status != WAGGLE_OK) return status;
    status = write_again(file, end->unproven, end->offset, error);
    if (status == WAGGLE_OK) status = zero_range(file, end->offset, to, error);
    if (status == WAGGLE_OK) status = wg_file_sync(file, error);
    if (status != WAGGLE_OK) {
        wg_file_close(file);
        return status;
    }
    *opened = file;
    return WAGGLE_OK;
}

// Newest first, so that after every step the log has the same end.
static waggle_status cut(wg_file_log *log, const log_end *end, wg_file **active,
                         waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    while (log->file_count > end->file + 1) {
        char path[WG_PATH_SIZE_MAX];
        uint64_t number = log->files[log->file_count - 1].header.number;
        status = wg_log_path(log, path, number, error);
        if (status == WAGGLE_OK) status = wg_vfs_unlink(log->vfs, path, error);
        if (status == WAGGLE_OK) status = wg_vfs_sync_dir(log->vfs, log->folder, error);
        if (status != WAGGLE_OK) return status;
        log->file_count--;
    }
    uint64_t to = end->closed ? end->tail.end : log->files[end->file].header.size;
    return file_settle(log, end, to, active, error);
}

// ---- Spares.

// A prepared file is kept if it has a usable size; others, and those above the limit, are removed. What cannot be removed
// stays: it holds nothing, and its number is not given again.
static waggle_status adopt_spare(wg_file_log *log, uint64_t number, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    uint64_t size = 0;
    waggle_status status = wg_log_path(log, path, number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_WRITE, &file, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_size(file, &size, error);
    if (status != WAGGLE_OK) goto cleanup;
    bool usable = size >= WG_LOG_FILE_MIN && size <= log->file_size &&
                  size % WG_LOG_DATA_START == 0 && log->spare_count < WG_LOG_SPARES_MAX;
    if (!usable) {
        wg_file_close(file);
        (void)wg_vfs_unlink(log->vfs, path, NULL);
        return WAGGLE_OK;
    }
    // Its size was lost if the flush of its preparation failed, and is flushed with its last bytes.
    status = zero_range(file, size - WG_LOG_DATA_START, size, error);
    if (status == WAGGLE_OK) status = wg_file_sync(file, error);
    if (status != WAGGLE_OK) goto cleanup;
    wg_log_spare spare = {.number = number, .size = (uint32_t)size, .file = file};
    status = wg_log_spare_add(log, spare, error);
    if (status == WAGGLE_OK) return WAGGLE_OK; // moved
cleanup:
    wg_file_close(file);
    return status;
}

static waggle_status adopt_spares(wg_file_log *log, const number_list *list, uint32_t used,
                                  waggle_error *error)
{
    log->number_next = list->count == 0 ? 1 : list->numbers[list->count - 1] + 1;
    if (list->count == used) return WAGGLE_OK;
    for (uint32_t i = used; i < list->count; i++) {
        waggle_status status = adopt_spare(log, list->numbers[i], error);
        if (status != WAGGLE_OK) return status;
    }
    return wg_vfs_sync_dir(log->vfs, log->folder, error);
}

// ---- Opening.

// Numbering begins behind the last batch, or above it if the caller says so; then a new file begins, whose
// header tells what it follows.
static void begin(wg_file_log *log, const log_end *end, uint64_t first_at_least, wg_file *active)
{
    wg_log_queue *queue = &log->queue;
    uint64_t next = WG_MAX(end->committed + 1, WG_MAX(first_at_least, 1));
    if (log->file_count > 0) {
        const wg_log_file *last = &log->files[log->file_count - 1];
        queue->epoch = last->header.epoch;
        log->salt = last->header.salt;
        log->active_size = last->header.size;
    }
    log->offset = end->offset;
    log->seq_put = end->committed;
    log->seq_commit = end->committed;
    log->seq_durable = next - 1;
    queue->next = next;
    queue->written = queue->done = queue->in_group = next - 1;
    queue->durable = log->read_only ? 0 : next - 1; // cut() flushed it
    if (next == end->committed + 1) {
        log->active = active;
    } else {
        wg_file_close(active);
    }
}

waggle_status wg_log_recover(wg_file_log *log, const wg_log_options *options, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    number_list list = {.heap = log->heap};
    log_end end = {.offset = WG_LOG_DATA_START};
    wg_file *active = NULL;
    if (!log->read_only) status = make_folder(log, error);
    if (status == WAGGLE_OK) status = list_files(log, &list, error);
    if (status == WAGGLE_OK) status = read_headers(log, &list, error);
    if (status == WAGGLE_OK) status = check_order(log, error);
    if (status != WAGGLE_OK) goto cleanup;
    if (log->file_count > 0) {
        status = find_end(log, options->durable_at_least, &end, error);
    } else if (options->durable_at_least >= WG_MAX(options->first_at_least, 1)) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: the log is empty, and records up to %" PRIu64 " had been durable",
                         log->folder, options->durable_at_least);
    }
    if (status != WAGGLE_OK) goto cleanup;
    if (!log->read_only) {
        uint32_t used = log->file_count;
        if (used > 0) status = cut(log, &end, &active, error);
        if (status == WAGGLE_OK) status = adopt_spares(log, &list, used, error);
    }
    if (status != WAGGLE_OK) goto cleanup;
    begin(log, &end, options->first_at_least, active);
    active = NULL; // moved
cleanup:
    wg_file_close(active);
    wg_free(list.numbers);
    return status;
}
