// The thread reads back what the page cache holds: a copy, but no buffers to hand over, and a writer that never waits.
#include "storage/segment_digest.h"

#include "base/thread.h"

#define STEP_SIZE ((size_t)1 << 20)

struct wg_segment_digest {
    wg_file *file;
    wg_sha256 *sha;
    wg_thread thread;
    wg_mutex mutex; // guards end, closing, abandoned
    wg_cond more;
    uint64_t end;
    bool closing; // end does not move again
    bool abandoned;
    uint64_t hashed; // of the thread, and after it of join
    waggle_status status;
    waggle_error error;
    uint8_t step[STEP_SIZE];
};

// The bytes to read next: a whole step, or at the end what is left. 0 = none are left.
static size_t step_wait(wg_segment_digest *digest)
{
    wg_mutex_lock(&digest->mutex);
    while (!digest->closing && digest->end - digest->hashed < STEP_SIZE) {
        wg_cond_wait(&digest->more, &digest->mutex);
    }
    uint64_t left = digest->abandoned ? 0 : digest->end - digest->hashed;
    wg_mutex_unlock(&digest->mutex);
    return (size_t)WG_MIN(left, STEP_SIZE);
}

static void digest_run(void *context)
{
    wg_segment_digest *digest = context;
    for (size_t size = 0; digest->status == WAGGLE_OK && (size = step_wait(digest)) > 0;) {
        digest->status =
            wg_file_read_all(digest->file, digest->hashed, digest->step, size, &digest->error);
        if (digest->status == WAGGLE_OK) wg_sha256_add(digest->sha, digest->step, size);
        digest->hashed += size;
    }
}

waggle_status wg_segment_digest_start(wg_heap *heap, wg_file *file, wg_sha256 *sha, uint64_t from,
                                      wg_segment_digest **digest, waggle_error *error)
{
    wg_segment_digest *made = wg_alloc_zeroed(heap, WG_MEMORY_SCRATCH, sizeof(*made));
    if (made == NULL) return wg_fail_memory(error, sizeof(*made), "hashing a segment");
    made->file = file;
    made->sha = sha;
    made->hashed = made->end = from;
    wg_mutex_init(&made->mutex);
    wg_cond_init(&made->more);
    waggle_status status = wg_thread_start(&made->thread, "waggle-sha256", digest_run, made, error);
    if (status != WAGGLE_OK) {
        (void)wg_segment_digest_join(made, true, NULL);
        return status;
    }
    *digest = made;
    return WAGGLE_OK;
}

void wg_segment_digest_reach(wg_segment_digest *digest, uint64_t end)
{
    wg_mutex_lock(&digest->mutex);
    WG_ASSERT(end >= digest->end);
    digest->end = end;
    wg_cond_signal(&digest->more);
    wg_mutex_unlock(&digest->mutex);
}

waggle_status wg_segment_digest_join(wg_segment_digest *digest, bool abandon, waggle_error *error)
{
    if (digest == NULL) return WAGGLE_OK;
    wg_mutex_lock(&digest->mutex);
    digest->closing = true;
    digest->abandoned = abandon;
    wg_cond_signal(&digest->more);
    wg_mutex_unlock(&digest->mutex);
    wg_thread_join(&digest->thread);
    waggle_status status = digest->status;
    if (status != WAGGLE_OK && error != NULL) *error = digest->error;
    wg_cond_finish(&digest->more);
    wg_mutex_finish(&digest->mutex);
    wg_free(digest);
    return status;
}
