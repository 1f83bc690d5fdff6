#include "device/cpu/pool.h"

#include "base/memory.h"

// A running job, in the frame of its caller.
typedef struct job {
    wg_pool_fn work;
    void *context;
    uint32_t participants; // at most
    uint32_t joined;       // numbers given out, the caller's included
    uint32_t running;      // threads of the pool that are in work()
    struct job *next;
} job;

struct wg_pool {
    wg_mutex mutex;  // guards all that follows, and the counts of every job
    wg_cond arrived; // there is a job to join, or stopping
    wg_cond left;    // some job has no thread of the pool in it any more
    job *first;      // jobs that can be joined, the oldest first
    bool stopping;
    uint32_t threads; // constant
    wg_thread *workers;
};

// With the mutex held. Fine if the job is not there any more.
static void unlist(wg_pool *pool, const job *target)
{
    job **link = &pool->first;

    while (*link != NULL && *link != target) {
        link = &(*link)->next;
    }
    if (*link != NULL) *link = target->next;
}

static void enlist(wg_pool *pool, job *added)
{
    job **link = &pool->first;

    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = added;
}

// With the mutex held, which is released while the job's work runs.
static void join(wg_pool *pool, job *joined)
{
    uint32_t participant = joined->joined++;

    if (joined->joined == joined->participants) unlist(pool, joined);
    joined->running++;
    wg_mutex_unlock(&pool->mutex);
    joined->work(joined->context, participant);
    wg_mutex_lock(&pool->mutex);
    if (--joined->running == 0) wg_cond_broadcast(&pool->left);
}

static void worker_run(void *context)
{
    wg_pool *pool = context;

    wg_mutex_lock(&pool->mutex);
    while (!pool->stopping) {
        if (pool->first != NULL) {
            join(pool, pool->first);
        } else {
            wg_cond_wait(&pool->arrived, &pool->mutex);
        }
    }
    wg_mutex_unlock(&pool->mutex);
}

waggle_status wg_pool_create(uint32_t threads, wg_pool **pool, waggle_error *error)
{
    WG_ASSERT(threads > 0);

    size_t size = threads * sizeof(wg_thread); // one more than needed, so never 0
    wg_pool *created = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, sizeof(*created));
    if (created == NULL) return wg_fail_memory(error, sizeof(*created), "a thread pool");
    created->workers = wg_alloc_zeroed(NULL, WG_MEMORY_OTHER, size);
    if (created->workers == NULL) {
        wg_free(created);
        return wg_fail_memory(error, size, "a thread pool");
    }

    wg_mutex_init(&created->mutex);
    wg_cond_init(&created->arrived);
    wg_cond_init(&created->left);
    created->threads = threads;
    for (uint32_t i = 0; i + 1 < threads; i++) {
        waggle_status status =
            wg_thread_start(&created->workers[i], "waggle-scan", worker_run, created, error);
        if (status != WAGGLE_OK) {
            wg_pool_destroy(created);
            return status;
        }
    }
    *pool = created;
    return WAGGLE_OK;
}

void wg_pool_destroy(wg_pool *pool)
{
    if (pool == NULL) return;

    wg_mutex_lock(&pool->mutex);
    WG_ASSERT(pool->first == NULL);
    pool->stopping = true;
    wg_cond_broadcast(&pool->arrived);
    wg_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i + 1 < pool->threads; i++) {
        wg_thread_join(&pool->workers[i]);
    }
    wg_cond_finish(&pool->left);
    wg_cond_finish(&pool->arrived);
    wg_mutex_finish(&pool->mutex);
    wg_free(pool->workers);
    wg_free(pool);
}

uint32_t wg_pool_threads(const wg_pool *pool)
{
    return pool->threads;
}

void wg_pool_run(wg_pool *pool, uint32_t participants, wg_pool_fn work, void *context)
{
    WG_ASSERT(participants > 0);
    WG_ASSERT(participants <= pool->threads);

    if (participants == 1) {
        work(context, 0);
        return;
    }
    job run = {.work = work, .context = context, .participants = participants, .joined = 1};
    wg_mutex_lock(&pool->mutex);
    enlist(pool, &run);
    for (uint32_t i = 1; i < participants; i++) {
        wg_cond_signal(&pool->arrived);
    }
    wg_mutex_unlock(&pool->mutex);

    work(context, 0);

    // The work is all taken: who has not joined by now need not, and the others are on their last block.
    wg_mutex_lock(&pool->mutex);
    unlist(pool, &run);
    while (run.running > 0) {
        wg_cond_wait(&pool->left, &pool->mutex);
    }
    wg_mutex_unlock(&pool->mutex);
}
