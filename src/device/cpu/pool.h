// A pool of threads for scans. Work is divided by the job itself (an atomic cursor over blocks), so
// threads join when they are free and nobody waits for one that is late: there is no barrier, and idle
// threads sleep. Several callers may run jobs at once; free threads go to the one that came first.
#pragma once

#include "base/thread.h"

typedef struct wg_pool wg_pool;

// Takes work from context until there is none. participant is below the job's participants and unique
// among those that run at once.
typedef void (*wg_pool_fn)(void *context, uint32_t participant);

// threads: that work on one job, the caller's included; so threads - 1 are started.
waggle_status wg_pool_create(uint32_t threads, wg_pool **pool, waggle_error *error);
void wg_pool_destroy(wg_pool *pool); // no job may be running
uint32_t wg_pool_threads(const wg_pool *pool);
// Runs work on the calling thread as participant 0 and on up to participants - 1 free threads, and returns
// when all of them have. A number that no thread was free to take is never called.
void wg_pool_run(wg_pool *pool, uint32_t participants, wg_pool_fn work, void *context);
