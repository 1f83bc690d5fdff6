// Threads, locks, and the handle that wakes event loops.
#pragma once

#include "base/status.h"

#include <stdatomic.h>

#if defined(_WIN32)
#error "the Windows member of base/thread.h is not written yet"
#else
#include <pthread.h>

typedef struct wg_mutex {
    pthread_mutex_t handle;
} wg_mutex;

typedef struct wg_cond {
    pthread_cond_t handle;
} wg_cond;

typedef struct wg_rwlock {
    pthread_rwlock_t handle;
} wg_rwlock;

typedef struct wg_thread {
    pthread_t handle;
    bool running;
} wg_thread;
#endif

// Locks never fail: misuse ends the process (WG_ASSERT).
void wg_mutex_init(wg_mutex *mutex);
void wg_mutex_finish(wg_mutex *mutex);
void wg_mutex_lock(wg_mutex *mutex);
void wg_mutex_unlock(wg_mutex *mutex);
void wg_cond_init(wg_cond *cond); // waits use the monotonic clock
void wg_cond_finish(wg_cond *cond);
void wg_cond_wait(wg_cond *cond, wg_mutex *mutex);
bool wg_cond_wait_ms(wg_cond *cond, wg_mutex *mutex, uint32_t ms); // false = the time passed
void wg_cond_signal(wg_cond *cond);
void wg_cond_broadcast(wg_cond *cond);
// Writers are preferred, so that readers cannot starve them.
void wg_rwlock_init(wg_rwlock *lock);
void wg_rwlock_finish(wg_rwlock *lock);
void wg_rwlock_read(wg_rwlock *lock);
void wg_rwlock_write(wg_rwlock *lock);
void wg_rwlock_unlock(wg_rwlock *lock);

typedef void (*wg_thread_fn)(void *context);
// name: at most 15 bytes, shown by the system's tools. All signals are blocked in it.
waggle_status wg_thread_start(wg_thread *thread, const char *name, wg_thread_fn run, void *context,
                              waggle_error *error);
void wg_thread_join(wg_thread *thread); // a zeroed or joined one is fine

// A handle that poll() sees as readable from set until clear.
typedef struct wg_event {
    int64_t handle; // -1 = closed
    int64_t writer;
} wg_event;

waggle_status wg_event_open(wg_event *event, waggle_error *error);
void wg_event_close(wg_event *event);
void wg_event_set(wg_event *event);
void wg_event_clear(wg_event *event);
