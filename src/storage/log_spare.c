// Files prepared ahead. Allocating 64 MiB of real zeros takes a third of a second, so a thread does it
// while the file before is filled; a spare is kept in reserve for the day the disk is full. Files that were trimmed
// become spares again: their blocks are already allocated.
//
// A spare is used only after its bytes and its name are flushed, so that what is written into it cannot be
// found under another name, or not at all, after a crash.
#include "storage/log_file.h"

#include <string.h>

waggle_status wg_log_path(const wg_file_log *log, char path[WG_PATH_SIZE_MAX], uint64_t number,
                          waggle_error *error)
{
    char name[WG_LOG_NAME_SIZE];
    wg_log_name(name, number);
    return wg_path_join(path, log->folder, name, error);
}

waggle_status wg_log_spare_add(wg_file_log *log, wg_log_spare spare, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&log->queue.mutex);
    if (log->spare_count == log->spare_capacity) {
        uint32_t capacity = log->spare_capacity + 4;
        size_t size = capacity * sizeof(wg_log_spare);
        wg_log_spare *spares = wg_realloc(log->heap, WG_MEMORY_LOG, log->spares, size);
        if (spares == NULL) {
            status = wg_fail_memory(error, size, "the files of the log");
            goto cleanup;
        }
        log->spares = spares;
        log->spare_capacity = capacity;
    }
    log->spares[log->spare_count++] = spare;
cleanup:
    wg_mutex_unlock(&log->queue.mutex);
    return status;
}

// Allocates and flushes the next file. The maker holds `making`.
static waggle_status spare_prepare(wg_file_log *log, uint32_t size, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    wg_file *file = NULL;
    wg_log_spare spare = {.number = log->number_next, .size = size};
    waggle_status status = wg_log_path(log, path, spare.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_open(log->vfs, path, WG_OPEN_CREATE, &file, error);
    if (status != WAGGLE_OK) goto cleanup;
    // From its beginning, also if the file is there: of one that could not be flushed nothing may be on the disk.
    status = wg_file_truncate(file, 0, error);
    if (status == WAGGLE_OK) status = wg_file_allocate(file, size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_file_sync(file, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_vfs_sync_dir(log->vfs, log->folder, error);
    if (status != WAGGLE_OK) goto cleanup;
    spare.file = file;
    status = wg_log_spare_add(log, spare, error);
    if (status != WAGGLE_OK) goto cleanup;
    file = NULL; // moved
    log->number_next++;
cleanup:
    if (status != WAGGLE_OK) {
        // The number is used again. If the file stays, it is found as one that holds nothing.
        wg_file_close(file);
        (void)wg_vfs_unlink(log->vfs, path, NULL);
    }
    atomic_store_explicit(&log->full, status == WAGGLE_DISK_FULL, memory_order_relaxed);
    return status;
}

// The size of the next file: twice the newest, with room for need bytes.
static uint32_t next_size(wg_file_log *log, uint64_t need)
{
    wg_mutex_lock(&log->queue.mutex);
    uint64_t newest = log->file_count == 0 ? 0 : log->files[log->file_count - 1].size;
    if (log->spare_count > 0) newest = log->spares[log->spare_count - 1].size;
    wg_mutex_unlock(&log->queue.mutex);
    uint64_t size = WG_MAX(2 * newest, WG_LOG_FILE_FIRST);
    size = WG_MAX(size, wg_round_up(need + WG_LOG_DATA_START, WG_LOG_DATA_START));
    return (uint32_t)WG_MIN(size, log->file_size);
}

static uint32_t spare_count(wg_file_log *log)
{
    wg_mutex_lock(&log->queue.mutex);
    uint32_t count = log->spare_count;
    wg_mutex_unlock(&log->queue.mutex);
    return count;
}

waggle_status wg_log_spares_ensure(wg_file_log *log, uint32_t count, uint64_t need,
                                   waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    if (spare_count(log) >= count) return WAGGLE_OK; // without waiting for a maker
    wg_mutex_lock(&log->making);
    while (status == WAGGLE_OK && spare_count(log) < count) {
        status = spare_prepare(log, next_size(log, need), error);
    }
    wg_mutex_unlock(&log->making);
    return status;
}

static void prepare_wanted(wg_file_log *log)
{
    waggle_status status = WAGGLE_OK;
    wg_mutex_lock(&log->making);
    while (status == WAGGLE_OK) {
        wg_mutex_lock(&log->queue.mutex);
        bool enough = log->spare_count >= log->spares_wanted || log->thread_stop;
        wg_mutex_unlock(&log->queue.mutex);
        if (enough) break;
        status = spare_prepare(log, next_size(log, 0), NULL);
    }
    wg_mutex_unlock(&log->making);
    uint64_t pause_ns = status == WAGGLE_OK ? 0 : WG_LOG_RETRY_MS * UINT64_C(1000000);
    atomic_store_explicit(&log->retry_ns, wg_clock_ns(log->clock) + pause_ns, memory_order_relaxed);
}

void wg_log_spares_top_up(wg_file_log *log)
{
    // The reserve, and from the middle of a file on the one that follows it.
    bool far = log->active != NULL && log->offset > log->active_size / 2;
    wg_mutex_lock(&log->queue.mutex);
    log->spares_wanted = far ? 2 : 1;
    bool enough = log->spare_count >= log->spares_wanted;
    bool threaded = log->thread.running;
    bool paused = threaded && wg_clock_ns(log->clock) <
                                  atomic_load_explicit(&log->retry_ns, memory_order_relaxed);
    if (!enough && threaded && !paused) {
        log->thread_asked = true;
        wg_cond_signal(&log->thread_wake);
    }
    wg_mutex_unlock(&log->queue.mutex);
    if (!enough && !threaded) prepare_wanted(log);
}

bool wg_log_spares_full(wg_file_log *log)
{
    if (!atomic_load_explicit(&log->full, memory_order_relaxed)) return false;
    prepare_wanted(log);
    return atomic_load_explicit(&log->full, memory_order_relaxed);
}

static void thread_run(void *context)
{
    wg_file_log *log = context;
    wg_mutex_lock(&log->queue.mutex);
    while (!log->thread_stop) {
        if (!log->thread_asked) {
            wg_cond_wait(&log->thread_wake, &log->queue.mutex);
            continue;
        }
        log->thread_asked = false;
        wg_mutex_unlock(&log->queue.mutex);
        prepare_wanted(log);
        wg_mutex_lock(&log->queue.mutex);
    }
    wg_mutex_unlock(&log->queue.mutex);
}

void wg_log_spares_init(wg_file_log *log)
{
    wg_cond_init(&log->thread_wake);
    wg_mutex_init(&log->making);
}

void wg_log_spares_start(wg_file_log *log)
{
    if (log->read_only || log->file_size < WG_LOG_THREAD_MIN) return;
    // Without a thread the leader prepares: slower, and no less correct.
    if (wg_thread_start(&log->thread, "log-prep", thread_run, log, NULL) != WAGGLE_OK) return;
    wg_log_spares_top_up(log);
}

void wg_log_spares_finish(wg_file_log *log)
{
    wg_mutex_lock(&log->queue.mutex);
    log->thread_stop = true;
    wg_cond_signal(&log->thread_wake);
    wg_mutex_unlock(&log->queue.mutex);
    wg_thread_join(&log->thread);
    for (uint32_t i = 0; i < log->spare_count; i++) {
        wg_file_close(log->spares[i].file);
    }
    wg_free(log->spares);
    wg_mutex_finish(&log->making);
    wg_cond_finish(&log->thread_wake);
}

// ---- Trimming.

// Takes the oldest file out of the table if all its records are below and nobody reads it.
static bool oldest_take(wg_file_log *log, uint64_t below, wg_log_file *oldest)
{
    bool taken = false;
    wg_mutex_lock(&log->queue.mutex);
    if (log->file_count > 1 && log->files[1].header.follows < below && log->files[0].readers == 0) {
        *oldest = log->files[0];
        log->file_count--;
        memmove(log->files, log->files + 1, log->file_count * sizeof(wg_log_file));
        wg_log_files_changed(log);
        taken = true;
    }
    wg_mutex_unlock(&log->queue.mutex);
    return taken;
}

// It could not be removed, and so it is still there. Its place in the table is, too.
static void oldest_put_back(wg_file_log *log, const wg_log_file *oldest)
{
    wg_mutex_lock(&log->queue.mutex);
    if (log->file_count < log->file_capacity) {
        memmove(log->files + 1, log->files, log->file_count * sizeof(wg_log_file));
        log->files[0] = *oldest;
        log->file_count++;
        wg_log_files_changed(log);
    }
    wg_mutex_unlock(&log->queue.mutex);
}

// Gives a trimmed file the next number. Its old header names another one, so it holds nothing. *gone: it is
// no longer there under its old name, whatever the status.
static waggle_status recycle(wg_file_log *log, const wg_log_file *old, bool *gone,
                             waggle_error *error)
{
    char from[WG_PATH_SIZE_MAX];
    char to[WG_PATH_SIZE_MAX];
    wg_log_spare spare = {.number = log->number_next, .size = (uint32_t)old->size};
    waggle_status status = wg_log_path(log, from, old->header.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_log_path(log, to, spare.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_vfs_rename(log->vfs, from, to, error);
    if (status != WAGGLE_OK) return status;
    *gone = true;
    log->number_next++; // whatever follows, a file of this name may be there
    status = wg_vfs_sync_dir(log->vfs, log->folder, error);
    if (status != WAGGLE_OK) return status;
    // From here on a failure only means that the file is no spare until the log is opened anew.
    if (wg_file_open(log->vfs, to, WG_OPEN_WRITE, &spare.file, NULL) != WAGGLE_OK) return WAGGLE_OK;
    if (wg_log_spare_add(log, spare, NULL) != WAGGLE_OK) wg_file_close(spare.file);
    return WAGGLE_OK;
}

static waggle_status drop(wg_file_log *log, const wg_log_file *old, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = wg_log_path(log, path, old->header.number, error);
    if (status != WAGGLE_OK) return status;
    status = wg_vfs_unlink(log->vfs, path, error);
    if (status != WAGGLE_OK && status != WAGGLE_NOT_FOUND) return status;
    return wg_vfs_sync_dir(log->vfs, log->folder, error);
}

// Oldest first, each name flushed before the next is touched: a crash leaves no gap.
waggle_status wg_log_spares_trim(wg_file_log *log, uint64_t below, waggle_error *error)
{
    waggle_status status = WAGGLE_OK;
    wg_log_file oldest;
    wg_mutex_lock(&log->making);
    while (status == WAGGLE_OK && oldest_take(log, below, &oldest)) {
        bool keep = spare_count(log) < WG_LOG_SPARES_MAX && oldest.size == log->file_size;
        bool gone = false;
        status = keep ? recycle(log, &oldest, &gone, error) : drop(log, &oldest, error);
        if (status != WAGGLE_OK && !gone) oldest_put_back(log, &oldest);
    }
    wg_mutex_unlock(&log->making);
    return status;
}
