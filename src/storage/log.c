#include "storage/log.h"

void wg_log_close(wg_log *log)
{
    if (log != NULL) log->ops->close(log);
}

waggle_status wg_log_append(wg_log *log, wg_append *append, waggle_error *error)
{
    WG_ASSERT(append->count > 0);
    WG_ASSERT(append->done != NULL);
    for (uint32_t i = 0; i < append->count; i++) {
        if (append->records[i].size <= WG_RECORD_SIZE_MAX) continue;
        return wg_fail(error, WAGGLE_INVALID, "a record has %zu bytes; the most is %u",
                       append->records[i].size, WG_RECORD_SIZE_MAX);
    }
    return log->ops->append(log, append, error);
}

waggle_status wg_log_flush(wg_log *log, uint64_t seq, waggle_error *error)
{
    return log->ops->flush(log, seq, error);
}

waggle_status wg_log_sync(wg_log *log, waggle_error *error)
{
    return log->ops->sync(log, error);
}

waggle_status wg_log_read(wg_log *log, uint64_t from, wg_record_fn each, void *context,
                          waggle_error *error)
{
    return log->ops->read(log, from, each, context, error);
}

waggle_status wg_log_trim(wg_log *log, uint64_t below, waggle_error *error)
{
    return log->ops->trim(log, below, error);
}

wg_log_state wg_log_state_get(wg_log *log)
{
    wg_log_state state = {0};
    log->ops->state(log, &state);
    return state;
}
