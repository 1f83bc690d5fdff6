#include "base/system.h"
#include "base/thread.h"
#include "support/test.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

static waggle_error error;

typedef struct shared {
    wg_mutex mutex;
    wg_cond cond;
    wg_rwlock lock;
    uint64_t count; // guarded by mutex, or lock
    int turn;       // guarded by mutex
    _Atomic int state;
} shared_state;

static void shared_init(shared_state *shared)
{
    *shared = (shared_state){0};
    wg_mutex_init(&shared->mutex);
    wg_cond_init(&shared->cond);
    wg_rwlock_init(&shared->lock);
}

static void shared_finish(shared_state *shared)
{
    wg_rwlock_finish(&shared->lock);
    wg_cond_finish(&shared->cond);
    wg_mutex_finish(&shared->mutex);
}

static void count_up(void *context)
{
    shared_state *shared = context;
    for (int i = 0; i < 10000; i++) {
        wg_mutex_lock(&shared->mutex);
        shared->count++;
        wg_mutex_unlock(&shared->mutex);
    }
}

WG_TEST(a_mutex_keeps_increments_apart)
{
    shared_state shared;
    shared_init(&shared);
    wg_thread threads[4] = {0};
    for (size_t i = 0; i < 4; i++)
        WG_OK(wg_thread_start(&threads[i], "counter", count_up, &shared, &error));
    for (size_t i = 0; i < 4; i++)
        wg_thread_join(&threads[i]);
    WG_CHECK_U64(shared.count, 40000);
    wg_thread_join(&threads[0]); // joined already
    shared_finish(&shared);
}

static void take_turns(void *context)
{
    shared_state *shared = context;
    wg_mutex_lock(&shared->mutex);
    for (int i = 0; i < 100; i++) {
        while (shared->turn != 1)
            wg_cond_wait(&shared->cond, &shared->mutex);
        shared->turn = 0;
        shared->count++;
        wg_cond_broadcast(&shared->cond);
    }
    wg_mutex_unlock(&shared->mutex);
}

WG_TEST(a_condition_wakes_who_waits)
{
    shared_state shared;
    shared_init(&shared);
    wg_thread thread = {0};
    WG_OK(wg_thread_start(&thread, "turns", take_turns, &shared, &error));
    wg_mutex_lock(&shared.mutex);
    for (int i = 0; i < 100; i++) {
        shared.turn = 1;
        wg_cond_signal(&shared.cond);
        while (shared.turn != 0)
            WG_CHECK(wg_cond_wait_ms(&shared.cond, &shared.mutex, 60000));
    }
    wg_mutex_unlock(&shared.mutex);
    wg_thread_join(&thread);
    WG_CHECK_U64(shared.count, 100);
    shared_finish(&shared);
}

WG_TEST(a_wait_with_a_limit_ends_by_itself)
{
    shared_state shared;
    shared_init(&shared);
    wg_mutex_lock(&shared.mutex);
    uint64_t start = wg_now_ns();
    while (wg_cond_wait_ms(&shared.cond, &shared.mutex, 20)) // woken without reason
        start = wg_now_ns();
    WG_CHECK(wg_now_ns() - start >= 19000000);
    WG_CHECK(!wg_cond_wait_ms(&shared.cond, &shared.mutex, 0));
    wg_mutex_unlock(&shared.mutex);
    shared_finish(&shared);
}

static void write_once(void *context)
{
    shared_state *shared = context;
    atomic_store_explicit(&shared->state, 1, memory_order_release); // pairs with the test's loads
    wg_rwlock_write(&shared->lock);
    shared->count = 1;
    wg_rwlock_unlock(&shared->lock);
}

static void read_behind_writer(void *context)
{
    shared_state *shared = context;
    atomic_store_explicit(&shared->state, 2, memory_order_release);
    wg_rwlock_read(&shared->lock);
    shared->turn = (int)shared->count; // 1 if the writer was first
    wg_rwlock_unlock(&shared->lock);
}

static void wait_for_state(shared_state *shared, int state)
{
    while (atomic_load_explicit(&shared->state, memory_order_acquire) != state)
        wg_sleep_ms(1);
    wg_sleep_ms(50); // for it to come from there to the lock
}

WG_TEST(readers_share_and_a_waiting_writer_goes_before_later_readers)
{
    shared_state shared;
    shared_init(&shared);
    wg_thread writer = {0};
    wg_thread reader = {0};
    wg_rwlock_read(&shared.lock);
    WG_OK(wg_thread_start(&writer, "writer", write_once, &shared, &error));
    wait_for_state(&shared, 1);
    WG_OK(wg_thread_start(&reader, "reader", read_behind_writer, &shared, &error));
    wait_for_state(&shared, 2);
    WG_CHECK_U64(shared.count, 0); // the first reader still reads
    wg_rwlock_unlock(&shared.lock);
    wg_thread_join(&writer);
    wg_thread_join(&reader);
    WG_CHECK_U64(shared.turn, 1);
    shared_finish(&shared);
}

static void look_at_self(void *context)
{
    shared_state *shared = context;
    char name[32] = "";
    sigset_t blocked;
    pthread_getname_np(pthread_self(), name, sizeof(name));
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    shared->turn = strcmp(name, "fifteen-letters") == 0;
    shared->count = sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGTERM) == 1;
}

WG_TEST(a_thread_has_its_name_and_no_signals)
{
    shared_state shared;
    shared_init(&shared);
    wg_thread thread = {0};
    sigset_t blocked;
    WG_OK(wg_thread_start(&thread, "fifteen-letters", look_at_self, &shared, &error));
    wg_thread_join(&thread);
    WG_CHECK_U64(shared.turn, 1);
    WG_CHECK_U64(shared.count, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    WG_CHECK(sigismember(&blocked, SIGINT) == 0); // the starter keeps its own
    shared_finish(&shared);
    wg_thread never = {0};
    wg_thread_join(&never);
}

static bool is_readable(const wg_event *event)
{
    struct pollfd poll_for = {.fd = (int)event->handle, .events = POLLIN};
    return poll(&poll_for, 1, 0) == 1;
}

WG_TEST(an_event_is_readable_from_set_until_clear)
{
    wg_event event;
    WG_OK(wg_event_open(&event, &error));
    WG_CHECK(!is_readable(&event));
    wg_event_clear(&event);
    for (int i = 0; i < 1000; i++)
        wg_event_set(&event);
    WG_CHECK(is_readable(&event));
    WG_CHECK(is_readable(&event));
    wg_event_clear(&event);
    WG_CHECK(!is_readable(&event));
    wg_event_close(&event);
    WG_CHECK(event.handle == -1 && event.writer == -1);
    wg_event_close(&event);
}
