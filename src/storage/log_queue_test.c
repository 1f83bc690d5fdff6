// Group commit with two groups under way: the second is written while the callbacks of the first run, and its own
// callbacks wait for them.
#include "base/system.h"
#include "base/thread.h"
#include "storage/log.h"
#include "support/test.h"

#define PATIENCE_MS 10000u

typedef struct scene {
    wg_log *log;
    wg_append first;
    wg_append second;
    wg_piece payload;
    wg_thread thread;
    bool fail;          // the second group's flush does
    _Atomic int calls;  // callbacks that have ended
    _Atomic bool begun; // the first callback runs
    _Atomic bool seen;  // it saw the second group written
    _Atomic waggle_status first_status;
    _Atomic waggle_status second_status;
    _Atomic int second_place; // 1 = it was called after the first
} scene;

static bool second_is_written(scene *s)
{
    wg_log_state state = wg_log_state_get(s->log);
    return s->fail ? state.failed : state.written >= 2;
}

static void first_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    scene *s = append->context;
    (void)error;
    atomic_store(&s->first_status, status);
    atomic_store(&s->begun, true);
    for (uint32_t ms = 0; ms < PATIENCE_MS && !second_is_written(s); ms++)
        wg_sleep_ms(1);
    atomic_store(&s->seen, second_is_written(s));
    wg_sleep_ms(20); // long enough for a callback that would not wait
    atomic_fetch_add(&s->calls, 1);
}

static void second_done(wg_append *append, waggle_status status, const waggle_error *error)
{
    scene *s = append->context;
    (void)error;
    atomic_store(&s->second_status, status);
    atomic_store(&s->second_place, atomic_load(&s->calls));
    atomic_fetch_add(&s->calls, 1);
}

static void second_run(void *context)
{
    scene *s = context;
    while (!atomic_load(&s->begun))
        wg_sleep_ms(1);
    if (s->fail) wg_log_memory_fail(s->log, WAGGLE_IO);
    if (wg_log_append(s->log, &s->second, NULL) != WAGGLE_OK) return;
    (void)wg_log_flush(s->log, s->second.seq, NULL);
    // Whoever returns from flush has been called back.
    if (atomic_load(&s->calls) != 2) atomic_store(&s->second_place, -1);
}

static void play(scene *s, bool fail)
{
    waggle_error error;
    *s = (scene){
        .fail = fail, .payload = {"waggle", 6}
    };
    s->first = (wg_append){.count = 1, .records = &s->payload, .done = first_done, .context = s};
    s->second = (wg_append){.count = 1, .records = &s->payload, .done = second_done, .context = s};
    WG_OK(wg_log_memory_open(NULL, true, &s->log, &error));
    WG_OK(wg_thread_start(&s->thread, "second", second_run, s, &error));
    WG_OK(wg_log_append(s->log, &s->first, &error));
    waggle_status status = wg_log_flush(s->log, s->first.seq, &error);
    wg_thread_join(&s->thread);
    WG_CHECK(status == WAGGLE_OK);
    WG_CHECK(atomic_load(&s->first_status) == WAGGLE_OK);
    WG_CHECK(atomic_load(&s->seen));
    WG_CHECK_U64(atomic_load(&s->second_place), 1);
    wg_log_close(s->log);
}

WG_TEST(a_group_is_written_while_callbacks_of_the_one_before_run)
{
    scene s;
    play(&s, false);
    WG_CHECK(atomic_load(&s.second_status) == WAGGLE_OK);
}

WG_TEST(a_group_that_fails_leaves_the_one_before_acknowledged)
{
    scene s;
    play(&s, true);
    WG_CHECK(atomic_load(&s.second_status) == WAGGLE_IO);
}
