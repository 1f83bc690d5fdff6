#include "storage/log_queue.h"

// The queue whose callbacks this thread is running: they may append, but not wait for themselves.
static _Thread_local const wg_log_queue *leading_here;

void wg_log_queue_init(wg_log_queue *queue, wg_log_write_fn write, void *member, bool sync)
{
    *queue = (wg_log_queue){.write = write, .member = member, .sync = sync, .epoch = 1, .next = 1};
    queue->tail = &queue->head;
    wg_mutex_init(&queue->mutex);
    for (uint32_t i = 0; i < WG_LOG_TURNS; i++) {
        wg_cond_init(&queue->turn[i]);
    }
    wg_cond_init(&queue->called);
}

static wg_append *take_all(wg_log_queue *queue)
{
    wg_append *appends = queue->head;
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->bytes = 0;
    return appends;
}

// A callback may free its append, so the next one is read first.
static void call_back(wg_append *appends, uint64_t accepted, const waggle_error *error)
{
    while (appends != NULL) {
        wg_append *append = appends;
        appends = append->next;
        append->next = NULL;
        if (append->seq <= accepted) {
            append->done(append, WAGGLE_OK, NULL);
        } else {
            append->done(append, error->status, error);
        }
    }
}

void wg_log_queue_finish(wg_log_queue *queue)
{
    WG_ASSERT(!queue->leading && !queue->calling);
    waggle_error error;
    wg_fail(&error, WAGGLE_CANCELED, "the log was closed before the batch was flushed");
    call_back(take_all(queue), 0, &error);
    wg_cond_finish(&queue->called);
    for (uint32_t i = 0; i < WG_LOG_TURNS; i++) {
        wg_cond_finish(&queue->turn[i]);
    }
    wg_mutex_finish(&queue->mutex);
}

void wg_log_queue_reset(wg_log_queue *queue, uint64_t last)
{
    waggle_error error;
    wg_fail(&error, WAGGLE_CANCELED, "the log was stopped before the batch was flushed");
    wg_mutex_lock(&queue->mutex);
    WG_ASSERT(!queue->leading && !queue->calling);
    wg_append *appends = take_all(queue);
    queue->epoch++;
    queue->next = last + 1;
    queue->written = queue->durable = queue->done = queue->in_group = last;
    queue->failed = false;
    wg_mutex_unlock(&queue->mutex);
    call_back(appends, 0, &error);
}

static size_t append_size(const wg_append *append)
{
    size_t size = sizeof(wg_append);
    for (uint32_t i = 0; i < append->count; i++) {
        size += append->records[i].size;
    }
    return size;
}

// Takes back what was refused: with it everything that was queued behind it, because sequences have no gaps.
// Returns the batches behind, to be called back after the group's.
static wg_append *refuse(wg_log_queue *queue, const wg_log_outcome *outcome)
{
    queue->error = outcome->error;
    queue->refusals++;
    queue->failed = outcome->final;
    if (!outcome->final) queue->next = outcome->accepted + 1;
    return take_all(queue);
}

// From writing to callbacks: when those of the group before have ended, the next leader may begin to write.
static void begin_calls(wg_log_queue *queue, const wg_log_outcome *outcome)
{
    bool refused = outcome->status != WAGGLE_OK;
    while (queue->calling) {
        wg_cond_wait(&queue->called, &queue->mutex);
    }
    queue->calling = true;
    queue->group_calls = queue->group;
    queue->in_calls = refused ? UINT64_MAX : queue->in_group;
    queue->in_group = outcome->accepted;
    queue->leading = false;
    wg_cond_signal(&queue->turn[(queue->group + 1) % WG_LOG_TURNS]);
}

static void end_calls(wg_log_queue *queue, const wg_log_outcome *outcome)
{
    queue->done = WG_MAX(queue->done, outcome->accepted);
    queue->calling = false;
    wg_cond_signal(&queue->called);
    for (uint32_t i = 0; i < WG_LOG_TURNS; i++) {
        bool own = i == queue->group_calls % WG_LOG_TURNS;
        if (own || outcome->status != WAGGLE_OK) wg_cond_broadcast(&queue->turn[i]);
    }
}

// Writes everything queued as one group and calls back. The mutex is held, but not meanwhile.
static void lead(wg_log_queue *queue, bool sync)
{
    WG_ASSERT(!queue->leading);
    wg_append *appends = take_all(queue);
    wg_log_outcome outcome = {.accepted = queue->next - 1};
    uint64_t first = queue->in_group + 1;
    queue->leading = true;
    queue->group++;
    queue->in_group = queue->next - 1;
    wg_mutex_unlock(&queue->mutex);

    queue->write(queue->member, appends, first, sync, &outcome);

    wg_append *behind = NULL;
    wg_mutex_lock(&queue->mutex);
    if (outcome.status != WAGGLE_OK) behind = refuse(queue, &outcome);
    begin_calls(queue, &outcome);
    wg_mutex_unlock(&queue->mutex);

    leading_here = queue;
    call_back(appends, outcome.accepted, &outcome.error);
    call_back(behind, outcome.accepted, &outcome.error);
    leading_here = NULL;

    wg_mutex_lock(&queue->mutex);
    end_calls(queue, &outcome);
}

// Where to wait for a sequence that is not done, or NULL if no group has it under way: it is queued, or gone.
static wg_cond *turn_of(wg_log_queue *queue, uint64_t seq)
{
    if (queue->calling && seq <= queue->in_calls)
        return &queue->turn[queue->group_calls % WG_LOG_TURNS];
    if (!queue->leading) return NULL;
    uint64_t group = seq <= queue->in_group ? queue->group : queue->group + 1;
    return &queue->turn[group % WG_LOG_TURNS];
}

static waggle_status fail_failed(const wg_log_queue *queue, waggle_error *error)
{
    return wg_fail(error, WAGGLE_READ_ONLY, "the log failed and takes no more writes: %s",
                   queue->error.message);
}

waggle_status wg_log_queue_append(wg_log_queue *queue, wg_append *append, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    size_t size = append_size(append);
    wg_mutex_lock(&queue->mutex);
    while (!queue->failed && queue->head != NULL && queue->bytes + size > WG_LOG_QUEUE_MAX &&
           leading_here != queue) {
        if (queue->leading) {
            wg_cond_wait(&queue->turn[queue->group % WG_LOG_TURNS], &queue->mutex);
        } else {
            lead(queue, queue->sync);
        }
    }
    if (queue->failed) {
        status = fail_failed(queue, error);
        goto cleanup;
    }
    queue->next += append->count;
    append->epoch = queue->epoch;
    append->seq = queue->next - 1;
    append->next = NULL;
    *queue->tail = append;
    queue->tail = &append->next;
    queue->bytes += size;
cleanup:
    wg_mutex_unlock(&queue->mutex);
    return status;
}

waggle_status wg_log_queue_flush(wg_log_queue *queue, uint64_t seq, waggle_error *error)
{
    WG_ASSERT(leading_here != queue);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&queue->mutex);
    uint64_t refusals = queue->refusals;
    while (queue->done < seq) {
        // First of all the callbacks, also those of what was refused: the caller may rely on its own having
        // been called.
        wg_cond *turn = turn_of(queue, seq);
        if (turn != NULL) {
            wg_cond_wait(turn, &queue->mutex);
        } else if (queue->failed) {
            status = fail_failed(queue, error);
            break;
        } else if (queue->refusals != refusals) {
            status = wg_fail(error, queue->error.status, "%s", queue->error.message);
            break;
        } else if (queue->head != NULL) {
            lead(queue, queue->sync);
        } else {
            break; // never appended, or refused before
        }
    }
    wg_mutex_unlock(&queue->mutex);
    return status;
}

waggle_status wg_log_queue_sync(wg_log_queue *queue, waggle_error *error)
{
    WG_ASSERT(leading_here != queue);
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&queue->mutex);
    uint64_t target = queue->next - 1;
    while (queue->durable < WG_MIN(target, queue->next - 1)) { // a refusal takes sequences back
        if (queue->failed) {
            status = fail_failed(queue, error);
            break;
        }
        if (queue->leading) {
            wg_cond_wait(&queue->turn[queue->group % WG_LOG_TURNS], &queue->mutex);
        } else {
            lead(queue, true);
        }
    }
    wg_mutex_unlock(&queue->mutex);
    return status;
}

void wg_log_queue_written(wg_log_queue *queue, uint64_t written)
{
    wg_mutex_lock(&queue->mutex);
    WG_ASSERT(written >= queue->written);
    queue->written = written;
    wg_mutex_unlock(&queue->mutex);
}

void wg_log_queue_durable(wg_log_queue *queue, uint64_t durable)
{
    wg_mutex_lock(&queue->mutex);
    WG_ASSERT(durable <= queue->written);
    queue->durable = WG_MAX(queue->durable, durable);
    wg_mutex_unlock(&queue->mutex);
}
