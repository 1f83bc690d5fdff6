// The log as a folder of files. The bytes and the rules of recovery are in log_format.h, group commit is in
// log_queue.c, opening in log_recover.c, the making and removing of files in log_spare.c.
//
// A group is written in two steps. The plan counts the files it needs and makes sure that they are there, so
// that lack of space or memory is met before anything is written, and only refuses batches. From the first write
// on, every error is final: what is on disk is unknown, so the log takes no more until it is opened anew.
#include "storage/log_file.h"

#include "base/bytes.h"

#include <string.h>

static const wg_log_ops file_ops;

static wg_file_log *file_log_of(wg_log *log)
{
    return (wg_file_log *)log;
}

// ---- The plan.

static size_t batch_bytes(const wg_append *append)
{
    size_t size = 0;
    for (uint32_t i = 0; i < append->count; i++) {
        size += wg_record_bytes(append->records[i].size);
    }
    return size;
}

// Where the next record would go: in the active file, or in the n-th spare.
typedef struct log_plan {
    uint32_t spares; // used so far
    uint64_t left;   // bytes in the last of them, or in the active file
} log_plan;

static waggle_status plan_spare(wg_file_log *log, log_plan *plan, uint64_t need,
                                waggle_error *error)
{
    waggle_status status = wg_log_spares_ensure(log, plan->spares + 1, need, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&log->queue.mutex);
    plan->left = log->spares[plan->spares].size - WG_LOG_DATA_START;
    plan->spares++;
    wg_mutex_unlock(&log->queue.mutex);
    return WAGGLE_OK;
}

// Room in the table for the files that the plan begins.
static waggle_status plan_table(wg_file_log *log, uint32_t more, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&log->queue.mutex);
    if (log->file_count + more + 1 > log->file_capacity) { // one more: trim may put one back
        uint32_t capacity = 2 * (log->file_count + more + 1);
        size_t size = capacity * sizeof(wg_log_file);
        wg_log_file *files = wg_realloc(log->heap, WG_MEMORY_LOG, log->files, size);
        if (files == NULL) {
            status = wg_fail_memory(error, size, "the files of the log");
        } else {
            log->files = files;
            log->file_capacity = capacity;
        }
    }
    wg_mutex_unlock(&log->queue.mutex);
    return status;
}

static waggle_status plan_batch(wg_file_log *log, log_plan *plan, const wg_append *append,
                                waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 0; i < append->count && status == WAGGLE_OK; i++) {
        uint64_t need = wg_record_bytes(append->records[i].size);
        while (plan->left < need && status == WAGGLE_OK) {
            status = plan_spare(log, plan, need, error);
        }
        if (status == WAGGLE_OK) plan->left -= need;
    }
    if (status != WAGGLE_OK) return status;
    // Large batches leave the reserve to the small ones.
    if (batch_bytes(append) > WG_LOG_BATCH_SMALL) {
        status = wg_log_spares_ensure(log, plan->spares + 1, 0, error);
        if (status != WAGGLE_OK) return status;
    }
    return plan_table(log, plan->spares, error);
}

// Counts what of the group can be written. *end: the first batch that cannot, or NULL.
static waggle_status plan_group(wg_file_log *log, const wg_append *appends, uint64_t first,
                                const wg_append **end, uint64_t *accepted, waggle_error *error)
{
    log_plan plan = {.left = log->active == NULL ? 0 : log->active_size - log->offset};
    *accepted = first - 1;
    for (*end = appends; *end != NULL; *end = (*end)->next) {
        waggle_status status = plan_batch(log, &plan, *end, error);
        if (status != WAGGLE_OK) return status;
        *accepted = (*end)->seq;
    }
    return WAGGLE_OK;
}

// ---- Writing.

static waggle_status put_out(wg_file_log *log, waggle_error *error)
{
    if (log->group_pieces == 0) return WAGGLE_OK;
    waggle_status status =
        wg_file_write_pieces(log->active, log->offset, log->pieces, log->group_pieces, error);
    if (status != WAGGLE_OK) return status;
    wg_mutex_lock(&log->queue.mutex);
    log->offset += log->group_bytes;
    log->bytes_written += log->group_bytes;
    log->records += log->group_records;
    wg_mutex_unlock(&log->queue.mutex);
    log->group_bytes = 0;
    log->group_records = 0;
    log->group_pieces = 0;
    return WAGGLE_OK;
}

static waggle_status sync_active(wg_file_log *log, waggle_error *error)
{
    waggle_status status = wg_file_sync(log->active, error);
    wg_mutex_lock(&log->queue.mutex);
    log->syncs++;
    wg_mutex_unlock(&log->queue.mutex);
    return status;
}

static wg_log_spare spare_take(wg_file_log *log)
{
    wg_mutex_lock(&log->queue.mutex);
    WG_ASSERT(log->spare_count > 0); // of the plan
    wg_log_spare spare = log->spares[0];
    log->spare_count--;
    memmove(log->spares, log->spares + 1, log->spare_count * sizeof(wg_log_spare));
    wg_mutex_unlock(&log->queue.mutex);
    return spare;
}

void wg_log_files_changed(wg_file_log *log)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < log->file_count; i++) {
        bytes += log->files[i].size;
    }
    atomic_store_explicit(&log->log.bytes_used, bytes, memory_order_relaxed);
}

static void file_add(wg_file_log *log, const wg_log_header *header)
{
    wg_mutex_lock(&log->queue.mutex);
    WG_ASSERT(log->file_count < log->file_capacity); // of the plan
    log->files[log->file_count++] = (wg_log_file){.header = *header, .size = header->size};
    wg_log_files_changed(log);
    wg_mutex_unlock(&log->queue.mutex);
}

// Ends the active file and begins the next one, whose first record will be `first`.
static waggle_status rotate(wg_file_log *log, uint64_t first, uint64_t group_first,
                            waggle_error *error)
{
    waggle_status status = put_out(log, error);
    if (status != WAGGLE_OK) return status;
    if (log->active != NULL) {
        // The next header is the proof that this file was flushed.
        status = sync_active(log, error);
        if (status != WAGGLE_OK) return status;
        log->seq_durable = group_first - 1;
        wg_log_queue_durable(&log->queue, group_first - 1);
    }
    wg_log_spare spare = spare_take(log);
    wg_file_close(log->active);
    log->active = spare.file;
    log->active_size = spare.size;
    log->salt = (uint32_t)log->clock->random(log->clock->context);
    log->offset = WG_LOG_DATA_START;
    wg_log_header header = {
        .number = spare.number,
        .epoch = log->queue.epoch,
        .first = first,
        .follows = log->seq_put,
        .committed = log->seq_commit,
        .size = spare.size,
        .salt = log->salt,
    };
    wg_log_header_encode(&header, log->block);
    status = wg_file_write(log->active, 0, log->block, sizeof(log->block), error);
    if (status == WAGGLE_OK) file_add(log, &header);
    return status;
}

static void add_piece(wg_file_log *log, const void *data, size_t size)
{
    if (size == 0) return;
    log->pieces[log->group_pieces++] = (wg_piece){data, size};
    log->group_bytes += size;
}

static waggle_status put_record(wg_file_log *log, const wg_append *append, uint32_t index,
                                uint64_t group_first, waggle_error *error)
{
    static const uint8_t zeros[8];
    waggle_status status = WAGGLE_OK;
    const wg_piece *payload = &append->records[index];
    size_t need = wg_record_bytes(payload->size);
    uint64_t seq = append->seq - append->count + 1 + index;
    if (log->group_records == WG_LOG_GROUP_RECORDS) status = put_out(log, error);
    while (status == WAGGLE_OK &&
           (log->active == NULL || log->active_size - log->offset - log->group_bytes < need)) {
        status = rotate(log, seq, group_first, error);
    }
    if (status != WAGGLE_OK) return status;
    wg_log_entry entry = {
        .seq = seq,
        .durable = log->seq_durable,
        .collection = append->collection,
        .type = append->type,
        .commit = index + 1 == append->count,
        .size = (uint32_t)payload->size,
        .payload = payload->data,
    };
    uint8_t *header = log->headers[log->group_records++];
    wg_record_encode(header, log->salt, &entry);
    add_piece(log, header, WG_RECORD_HEADER_SIZE);
    add_piece(log, payload->data, payload->size);
    add_piece(log, zeros, need - WG_RECORD_HEADER_SIZE - payload->size);
    log->seq_put = seq;
    if (entry.commit) log->seq_commit = seq;
    return WAGGLE_OK;
}

static waggle_status put_group(wg_file_log *log, const wg_append *appends, const wg_append *end,
                               uint64_t first, uint64_t accepted, bool sync, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    for (; appends != end && status == WAGGLE_OK; appends = appends->next) {
        for (uint32_t i = 0; i < appends->count && status == WAGGLE_OK; i++) {
            status = put_record(log, appends, i, first, error);
        }
    }
    if (status == WAGGLE_OK) status = put_out(log, error);
    if (status != WAGGLE_OK) return status;
    wg_log_queue_written(&log->queue, accepted);
    if (!sync || log->active == NULL) return WAGGLE_OK;
    status = sync_active(log, error);
    if (status != WAGGLE_OK) return status;
    log->seq_durable = accepted;
    wg_log_queue_durable(&log->queue, accepted);
    return WAGGLE_OK;
}

static void write_group(void *member, const wg_append *appends, uint64_t first, bool sync,
                        wg_log_outcome *outcome)
{
    wg_file_log *log = member;
    const wg_append *end = NULL;
    uint64_t accepted = 0;
    waggle_status refusal = plan_group(log, appends, first, &end, &accepted, &outcome->error);
    waggle_error error;
    waggle_status status = put_group(log, appends, end, first, accepted, sync, &error);
    outcome->final = status != WAGGLE_OK;
    outcome->status = outcome->final ? status : refusal;
    outcome->accepted = outcome->final ? first - 1 : accepted;
    if (outcome->final) outcome->error = error;
    if (!outcome->final) wg_log_spares_top_up(log);
}

// ---- Reading.

// Where to read on: a file that stays pinned, and how far it goes.
typedef struct log_place {
    wg_log_file file;
    uint64_t offset;
    uint64_t seq;  // at the offset
    uint64_t last; // in the file
    uint64_t next; // the first of the next file, which can leave out numbers
} log_place;

static void unpin(wg_file_log *log, const log_place *place)
{
    wg_mutex_lock(&log->queue.mutex);
    for (uint32_t i = 0; i < log->file_count; i++) {
        if (log->files[i].header.number == place->file.header.number) log->files[i].readers--;
    }
    wg_mutex_unlock(&log->queue.mutex);
}

// Pins the file that holds seq. The mutex is held.
static void pin(wg_file_log *log, uint64_t seq, uint64_t upto, log_place *place)
{
    uint32_t at = log->file_count - 1;
    while (log->files[at].header.first > seq) {
        WG_ASSERT(at > 0);
        at--;
    }
    log->files[at].readers++;
    const wg_log_header *header = &log->files[at].header;
    *place = (log_place){
        .file = log->files[at],
        .offset = WG_LOG_DATA_START,
        .seq = header->first,
        .last = upto,
        .next = upto + 1,
    };
    if (at + 1 < log->file_count) {
        place->last = WG_MIN(upto, log->files[at + 1].header.follows);
        place->next = log->files[at + 1].header.first;
    }
    if (log->hint_number == header->number && log->hint_seq <= seq) {
        place->offset = log->hint_offset;
        place->seq = log->hint_seq;
    }
}

static waggle_status pin_from(wg_file_log *log, uint64_t from, uint64_t upto, log_place *place,
                              waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&log->queue.mutex);
    uint64_t first = log->file_count == 0 ? upto + 1 : log->files[0].header.first;
    if (from < first) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: the log begins at record %" PRIu64 "; record %" PRIu64 " is missing",
                         log->folder, first, from);
    } else {
        pin(log, from, upto, place);
    }
    wg_mutex_unlock(&log->queue.mutex);
    return status;
}

static void remember(wg_file_log *log, const log_place *place, uint64_t seq, uint64_t offset)
{
    wg_mutex_lock(&log->queue.mutex);
    log->hint_number = place->file.header.number;
    log->hint_seq = seq;
    log->hint_offset = offset;
    wg_mutex_unlock(&log->queue.mutex);
}

// Reads a pinned file up to its last record. *more is false when `each` ended the reading.
static waggle_status read_place(wg_file_log *log, wg_log_cursor *cursor, const log_place *place,
                                uint64_t from, wg_record_fn each, void *context, bool *more,
                                waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    uint64_t seq = place->seq;
    waggle_status status = wg_log_path(log, path, place->file.header.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_READ, &file, error);
    if (status != WAGGLE_OK) return status;
    wg_log_cursor_set(cursor, file, place->file.size, place->file.header.salt, place->offset);
    while (*more && seq <= place->last) {
        wg_log_entry entry;
        bool sound = false;
        status = wg_log_cursor_next(cursor, seq, &entry, &sound, error);
        if (status != WAGGLE_OK) goto cleanup;
        if (!sound) {
            status = wg_fail(error, WAGGLE_CORRUPT,
                             "%s: record %" PRIu64 " at offset %" PRIu64 " is damaged", path, seq,
                             cursor->offset);
            goto cleanup;
        }
        if (seq++ < from) continue;
        wg_record record = {
            .epoch = place->file.header.epoch,
            .seq = entry.seq,
            .collection = entry.collection,
            .type = entry.type,
            .commit = entry.commit,
            .payload = entry.payload,
            .size = entry.size,
        };
        *more = each(context, &record);
    }
    remember(log, place, seq, cursor->offset);
cleanup:
    wg_file_close(file);
    return status;
}

// Everything up to `written` is whole batches with their commit marks: opening cuts off what is not.
static waggle_status file_read(wg_log *base, uint64_t from, wg_record_fn each, void *context,
                               waggle_error *error)
{
    wg_file_log *log = file_log_of(base);
    wg_log_cursor cursor;
    waggle_status status = WAGGLE_OK;
    bool more = true;
    wg_mutex_lock(&log->queue.mutex);
    uint64_t upto = log->queue.written;
    wg_mutex_unlock(&log->queue.mutex);
    uint64_t seq = WG_MAX(from, 1);
    wg_log_cursor_init(&cursor, log->heap);
    while (more && seq <= upto && status == WAGGLE_OK) {
        log_place place;
        status = pin_from(log, seq, upto, &place, error);
        if (status != WAGGLE_OK) break;
        status = read_place(log, &cursor, &place, seq, each, context, &more, error);
        seq = WG_MAX(seq, place.next);
        unpin(log, &place);
    }
    wg_log_cursor_finish(&cursor);
    return status;
}

// ---- The other operations.

static waggle_status file_append(wg_log *base, wg_append *append, waggle_error *error)
{
    wg_file_log *log = file_log_of(base);
    if (log->read_only) {
        return wg_fail(error, WAGGLE_READ_ONLY, "%s: the log was opened read-only", log->folder);
    }
    size_t size_max = log->file_size - WG_LOG_DATA_START - WG_RECORD_HEADER_SIZE;
    for (uint32_t i = 0; i < append->count; i++) {
        if (append->records[i].size <= size_max) continue;
        return wg_fail(error, WAGGLE_INVALID,
                       "a record has %zu bytes; the most in a log file of %" PRIu32 " is %zu",
                       append->records[i].size, log->file_size, size_max);
    }
    // Refused here, it takes no small batch down with it.
    if (batch_bytes(append) > WG_LOG_BATCH_SMALL && wg_log_spares_full(log)) {
        return wg_fail(error, WAGGLE_DISK_FULL,
                       "%s: no space for another log file of %" PRIu32 " bytes", log->folder,
                       log->file_size);
    }
    return wg_log_queue_append(&log->queue, append, error);
}

static waggle_status file_flush(wg_log *base, uint64_t seq, waggle_error *error)
{
    return wg_log_queue_flush(&file_log_of(base)->queue, seq, error);
}

static waggle_status file_sync(wg_log *base, waggle_error *error)
{
    wg_file_log *log = file_log_of(base);
    if (log->read_only) return WAGGLE_OK; // nothing was appended
    return wg_log_queue_sync(&log->queue, error);
}

static waggle_status file_trim(wg_log *base, uint64_t below, waggle_error *error)
{
    wg_file_log *log = file_log_of(base);
    if (log->read_only) {
        return wg_fail(error, WAGGLE_READ_ONLY, "%s: the log was opened read-only", log->folder);
    }
    return wg_log_spares_trim(log, below, error);
}

static void file_state(wg_log *base, wg_log_state *state)
{
    wg_file_log *log = file_log_of(base);
    wg_log_queue *queue = &log->queue;
    wg_mutex_lock(&queue->mutex);
    *state = (wg_log_state){
        .epoch = queue->epoch,
        .first = log->file_count == 0 ? queue->written + 1 : log->files[0].header.first,
        .last = queue->next - 1,
        .written = queue->written,
        .durable = queue->durable,
        .files = log->file_count + log->spare_count,
        .syncs = log->syncs,
        .records = log->records,
        .bytes_written = log->bytes_written,
        .failed = queue->failed,
        .kind = queue->sync ? WG_DURABLE_DISK : WG_DURABLE_OS,
    };
    state->bytes = atomic_load_explicit(&log->log.bytes_used, memory_order_relaxed);
    for (uint32_t i = 0; i < log->spare_count; i++) {
        state->bytes += log->spares[i].size;
    }
    wg_mutex_unlock(&queue->mutex);
    memcpy(state->evidence, log->evidence, sizeof(state->evidence));
}

// An empty record without a commit mark, which the next opening cuts off: the proof that all before it
// was flushed, so that damage to the last batch of a closed log is not taken for a torn end.
static void seal(wg_file_log *log)
{
    const wg_log_queue *queue = &log->queue;
    if (log->active == NULL || queue->failed || queue->durable != log->seq_put) return;
    if (log->active_size - log->offset < WG_RECORD_HEADER_SIZE) return;
    wg_log_entry entry = {.seq = log->seq_put + 1, .durable = queue->durable};
    uint8_t header[WG_RECORD_HEADER_SIZE];
    wg_record_encode(header, log->salt, &entry);
    (void)wg_file_write(log->active, log->offset, header, sizeof(header), NULL);
}

static void file_close(wg_log *base)
{
    wg_file_log *log = file_log_of(base);
    wg_log_spares_finish(log);
    if (!log->read_only) seal(log);
    wg_log_queue_finish(&log->queue);
    wg_file_close(log->active);
    wg_free(log->files);
    wg_free(log->folder);
    wg_free(log);
}

static const wg_log_ops file_ops = {
    .name = "file",
    .close = file_close,
    .append = file_append,
    .flush = file_flush,
    .sync = file_sync,
    .read = file_read,
    .trim = file_trim,
    .state = file_state,
};

waggle_status wg_log_file_open(const wg_log_options *options, wg_log **log, waggle_error *error)
{
    uint32_t file_size = options->file_size == 0 ? WG_LOG_FILE_SIZE : options->file_size;
    if (file_size < WG_LOG_FILE_MIN || file_size > WG_LOG_FILE_SIZE ||
        file_size % WG_LOG_DATA_START != 0) {
        return wg_fail(error, WAGGLE_INVALID,
                       "a log file of %" PRIu32 " bytes; it must be a multiple of %u from %u to %u",
                       file_size, WG_LOG_DATA_START, WG_LOG_FILE_MIN, WG_LOG_FILE_SIZE);
    }
    wg_file_log *made = wg_alloc_zeroed(options->heap, WG_MEMORY_LOG, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "the log");
    made->log.ops = &file_ops;
    made->vfs = options->vfs;
    made->heap = options->heap;
    made->clock = options->clock == NULL ? wg_clock_system() : options->clock;
    made->file_size = file_size;
    made->read_only = options->read_only;
    bool sync = options->durability != WAGGLE_INTERVAL && options->durability != WAGGLE_OFF;
    wg_log_queue_init(&made->queue, write_group, made, sync);
    wg_log_spares_init(made);

    waggle_status status = WAGGLE_OK;
    made->folder = wg_strdup(options->heap, WG_MEMORY_LOG, options->folder);
    if (made->folder == NULL) {
        status = wg_fail_memory(error, strlen(options->folder) + 1, "the log");
    } else {
        status = wg_log_recover(made, options, error);
    }
    if (status != WAGGLE_OK) {
        file_close(&made->log);
        return status;
    }
    wg_vfs_describe(made->vfs, made->folder, made->evidence, sizeof(made->evidence));
    wg_mutex_lock(&made->queue.mutex);
    wg_log_files_changed(made);
    wg_mutex_unlock(&made->queue.mutex);
    wg_log_spares_start(made);
    *log = &made->log;
    return WAGGLE_OK;
}
