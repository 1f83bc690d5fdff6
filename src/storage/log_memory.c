// A log in memory: for databases without a directory, and the member that simulates an engine on other machines:
// it can fail, and lose what it had acknowledged.
#include "storage/log_queue.h"

#include <string.h>

typedef struct memory_record {
    uint64_t epoch;
    uint64_t seq;
    uint32_t collection;
    uint16_t type;
    bool commit;
    size_t size;
    uint8_t payload[];
} memory_record;

typedef struct memory_log {
    wg_log log;
    wg_log_queue queue;
    wg_heap *heap;
    bool retain;
    // Guarded by queue.mutex.
    memory_record **records; // [begin, end), by sequence without gaps
    size_t begin;
    size_t end;
    size_t capacity;
    uint32_t readers; // trim drops nothing meanwhile
    uint64_t bytes;
    uint64_t written_records;
    waggle_status fail_with;
} memory_log;

static memory_log *memory_log_of(wg_log *log)
{
    return (memory_log *)log;
}

// ---- Writing.

static void drop_first(memory_log *log)
{
    log->bytes -= log->records[log->begin]->size;
    wg_free(log->records[log->begin++]);
}

static void drop_above(memory_log *log, uint64_t seq)
{
    while (log->end > log->begin && log->records[log->end - 1]->seq > seq) {
        log->bytes -= log->records[--log->end]->size;
        wg_free(log->records[log->end]);
    }
}

// Room for more records behind the end; the rest moves to the front.
static bool reserve(memory_log *log, size_t more)
{
    if (log->end + more <= log->capacity) return true;
    size_t count = log->end - log->begin;
    size_t capacity = 2 * (count + more) + 16;
    memory_record **records =
        wg_alloc(log->heap, WG_MEMORY_LOG, capacity * sizeof(memory_record *));
    if (records == NULL) return false;
    if (count > 0) memcpy(records, log->records + log->begin, count * sizeof(memory_record *));
    wg_free(log->records);
    log->records = records;
    log->capacity = capacity;
    log->begin = 0;
    log->end = count;
    return true;
}

static bool keep_record(memory_log *log, const wg_append *append, uint32_t index)
{
    const wg_piece *piece = &append->records[index];
    memory_record *record = wg_alloc(log->heap, WG_MEMORY_LOG, sizeof(*record) + piece->size);
    if (record == NULL) return false;
    *record = (memory_record){
        .epoch = append->epoch,
        .seq = append->seq - append->count + 1 + index,
        .collection = append->collection,
        .type = append->type,
        .commit = index + 1 == append->count,
        .size = piece->size,
    };
    if (piece->size > 0) memcpy(record->payload, piece->data, piece->size);
    log->records[log->end++] = record;
    log->bytes += record->size;
    return true;
}

static bool keep_batch(memory_log *log, const wg_append *append)
{
    if (!log->retain) return true;
    bool kept = reserve(log, append->count);
    for (uint32_t i = 0; kept && i < append->count; i++) {
        kept = keep_record(log, append, i);
    }
    if (!kept) drop_above(log, append->seq - append->count);
    return kept;
}

static void write_group(void *member, const wg_append *appends, uint64_t first, bool sync,
                        wg_log_outcome *outcome)
{
    memory_log *log = member;
    (void)sync; // written is as durable as it gets
    outcome->accepted = first - 1;
    wg_mutex_lock(&log->queue.mutex);
    if (log->fail_with != WAGGLE_OK) {
        outcome->final = true;
        outcome->status =
            wg_fail(&outcome->error, log->fail_with, "the log in memory was told to fail");
    }
    for (; appends != NULL && outcome->status == WAGGLE_OK; appends = appends->next) {
        if (keep_batch(log, appends)) {
            outcome->accepted = appends->seq;
            log->written_records += appends->count;
        } else {
            outcome->status = wg_fail_memory(&outcome->error, 0, "a batch of the log in memory");
        }
    }
    log->queue.written = outcome->accepted;
    log->queue.durable = outcome->accepted;
    wg_mutex_unlock(&log->queue.mutex);
}

static waggle_status memory_append(wg_log *base, wg_append *append, waggle_error *error)
{
    return wg_log_queue_append(&memory_log_of(base)->queue, append, error);
}

static waggle_status memory_flush(wg_log *base, uint64_t seq, waggle_error *error)
{
    return wg_log_queue_flush(&memory_log_of(base)->queue, seq, error);
}

static waggle_status memory_sync(wg_log *base, waggle_error *error)
{
    return wg_log_queue_sync(&memory_log_of(base)->queue, error);
}

// ---- Reading.

// The record seq, which stays while there are readers. NULL behind the end.
static const memory_record *record_at(memory_log *log, uint64_t seq, uint64_t upto)
{
    const memory_record *record = NULL;
    wg_mutex_lock(&log->queue.mutex);
    if (log->begin < log->end && seq <= upto) {
        uint64_t first = log->records[log->begin]->seq;
        if (seq - first < log->end - log->begin) record = log->records[log->begin + (seq - first)];
    }
    wg_mutex_unlock(&log->queue.mutex);
    return record;
}

static waggle_status memory_read(wg_log *base, uint64_t from, wg_record_fn each, void *context,
                                 waggle_error *error)
{
    memory_log *log = memory_log_of(base);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&log->queue.mutex);
    uint64_t upto = log->queue.written;
    uint64_t first = log->begin < log->end ? log->records[log->begin]->seq : upto + 1;
    log->readers++;
    wg_mutex_unlock(&log->queue.mutex);
    uint64_t seq = WG_MAX(from, 1);
    if (seq < first && seq <= upto) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "the log begins at record %" PRIu64 "; record %" PRIu64 " is missing",
                         first, seq);
        goto cleanup;
    }
    const memory_record *kept = NULL;
    while ((kept = record_at(log, seq, upto)) != NULL) {
        wg_record record = {
            .epoch = kept->epoch,
            .seq = kept->seq,
            .collection = kept->collection,
            .type = kept->type,
            .commit = kept->commit,
            .payload = kept->payload,
            .size = kept->size,
        };
        if (!each(context, &record)) break;
        seq++;
    }
cleanup:
    wg_mutex_lock(&log->queue.mutex);
    log->readers--;
    wg_mutex_unlock(&log->queue.mutex);
    return status;
}

static waggle_status memory_trim(wg_log *base, uint64_t below, waggle_error *error)
{
    memory_log *log = memory_log_of(base);
    (void)error;
    wg_mutex_lock(&log->queue.mutex);
    while (log->readers == 0 && log->begin < log->end && log->records[log->begin]->seq < below) {
        drop_first(log);
    }
    wg_mutex_unlock(&log->queue.mutex);
    return WAGGLE_OK;
}

// ---- The other operations.

static void memory_state(wg_log *base, wg_log_state *state)
{
    memory_log *log = memory_log_of(base);
    wg_log_queue *queue = &log->queue;
    wg_mutex_lock(&queue->mutex);
    *state = (wg_log_state){
        .epoch = queue->epoch,
        .first = log->begin < log->end ? log->records[log->begin]->seq : queue->written + 1,
        .last = queue->next - 1,
        .written = queue->written,
        .durable = queue->durable,
        .bytes = log->bytes,
        .records = log->written_records,
        .failed = queue->failed,
        .kind = WG_DURABLE_NONE,
        .evidence = "memory",
    };
    wg_mutex_unlock(&queue->mutex);
}

static void memory_close(wg_log *base)
{
    memory_log *log = memory_log_of(base);
    wg_log_queue_finish(&log->queue);
    drop_above(log, 0);
    wg_free(log->records);
    wg_free(log);
}

static const wg_log_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .append = memory_append,
    .flush = memory_flush,
    .sync = memory_sync,
    .read = memory_read,
    .trim = memory_trim,
    .state = memory_state,
};

waggle_status wg_log_memory_open(wg_heap *heap, bool retain, wg_log **log, waggle_error *error)
{
    memory_log *made = wg_alloc_zeroed(heap, WG_MEMORY_LOG, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "the log");
    made->log.ops = &memory_ops;
    made->heap = heap;
    made->retain = retain;
    wg_log_queue_init(&made->queue, write_group, made, true);
    *log = &made->log;
    return WAGGLE_OK;
}

// ---- The simulator's controls.

void wg_log_memory_fail(wg_log *base, waggle_status status)
{
    WG_ASSERT(base->ops == &memory_ops);
    memory_log *log = memory_log_of(base);
    wg_mutex_lock(&log->queue.mutex);
    log->fail_with = status;
    wg_mutex_unlock(&log->queue.mutex);
}

void wg_log_memory_crash(wg_log *base, uint64_t lose)
{
    WG_ASSERT(base->ops == &memory_ops);
    memory_log *log = memory_log_of(base);
    log->fail_with = WAGGLE_OK;
    wg_mutex_lock(&log->queue.mutex);
    WG_ASSERT(log->readers == 0);
    uint64_t kept = log->queue.written - WG_MIN(lose, log->queue.written);
    drop_above(log, kept);
    // A batch that lost its end is gone as a whole.
    while (log->end > log->begin && !log->records[log->end - 1]->commit) {
        drop_above(log, --kept);
    }
    wg_mutex_unlock(&log->queue.mutex);
    wg_log_queue_reset(&log->queue, kept);
}
