#include "base/system.h"
#include "device/cpu/pool.h"
#include "support/test.h"

enum {
    ITEMS = 1000,
    THREADS = 4
};

typedef struct count {
    _Atomic uint32_t next;
    _Atomic uint32_t done[ITEMS];
    _Atomic uint32_t callers[THREADS]; // how many are inside, by participant
    _Atomic uint32_t wrong;
    uint32_t participants;
} count;

static void take_items(void *context, uint32_t participant)
{
    count *c = context;

    if (participant >= c->participants) c->wrong++;
    if (c->callers[participant]++ != 0) c->wrong++;
    for (uint32_t i = c->next++; i < ITEMS; i = c->next++) {
        c->done[i]++;
    }
    c->callers[participant]--;
}

static void run_once(wg_pool *pool, uint32_t participants)
{
    count c = {.participants = participants};

    wg_pool_run(pool, participants, take_items, &c);
    WG_CHECK_U64(c.wrong, 0);
    for (uint32_t i = 0; i < ITEMS; i++) {
        WG_CHECK_U64(c.done[i], 1);
    }
}

WG_TEST(every_item_is_done_once_when_run_returns)
{
    for (uint32_t threads = 1; threads <= THREADS; threads++) {
        wg_pool *pool = NULL;
        waggle_error error;
        WG_OK(wg_pool_create(threads, &pool, &error));
        WG_CHECK_U64(wg_pool_threads(pool), threads);
        for (uint64_t i = 0; i < test_rounds(200, 20000); i++) {
            run_once(pool, 1 + (uint32_t)(i % threads));
        }
        wg_pool_destroy(pool);
    }
}

typedef struct meeting {
    _Atomic uint32_t seen;
    _Atomic uint32_t left;
} meeting;

// Waits, at most for seconds, until a second thread is in the job. The other leaves later.
static void meet(void *context, uint32_t participant)
{
    meeting *m = context;

    m->seen++;
    for (int i = 0; i < 5000 && m->seen < 2; i++) {
        wg_sleep_ms(1);
    }
    if (participant != 0) wg_sleep_ms(30);
    m->left++;
}

WG_TEST(sleeping_threads_take_part_and_are_waited_for)
{
    wg_pool *pool = NULL;
    waggle_error error;
    meeting m = {0};

    WG_OK(wg_pool_create(2, &pool, &error));
    wg_sleep_ms(50); // by now the other one sleeps
    wg_pool_run(pool, 2, meet, &m);
    WG_CHECK_U64(m.seen, 2);
    WG_CHECK_U64(m.left, 2);
    wg_pool_destroy(pool);
}

typedef struct caller {
    wg_pool *pool;
    uint64_t rounds;
    bool failed;
} caller;

static void caller_run(void *context)
{
    caller *self = context;

    for (uint64_t i = 0; i < self->rounds; i++) {
        count c = {.participants = THREADS};
        wg_pool_run(self->pool, THREADS, take_items, &c);
        for (uint32_t item = 0; item < ITEMS; item++) {
            if (c.done[item] != 1) self->failed = true;
        }
        if (c.wrong != 0) self->failed = true;
    }
}

WG_TEST(jobs_of_several_callers_run_at_once)
{
    enum {
        CALLERS = 3
    };

    wg_pool *pool = NULL;
    waggle_error error;
    wg_thread threads[CALLERS] = {0};
    caller callers[CALLERS];

    WG_OK(wg_pool_create(THREADS, &pool, &error));
    for (uint32_t i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.pool = pool, .rounds = test_rounds(200, 20000)};
        WG_OK(wg_thread_start(&threads[i], "caller", caller_run, &callers[i], &error));
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        wg_thread_join(&threads[i]);
        WG_CHECK(!callers[i].failed);
    }
    wg_pool_destroy(pool);
}

WG_TEST(destroying_no_pool_is_fine)
{
    wg_pool_destroy(NULL);
}
