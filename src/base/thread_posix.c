#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#define THREAD_NAME_SIZE 16u // with its NUL: the kernel's limit

// ---- Locks --------------------------------------------------------------------------------------

void wg_mutex_init(wg_mutex *mutex)
{
    int result = pthread_mutex_init(&mutex->handle, NULL);
    WG_ASSERT(result == 0);
}

void wg_mutex_finish(wg_mutex *mutex)
{
    int result = pthread_mutex_destroy(&mutex->handle);
    WG_ASSERT(result == 0);
}

void wg_mutex_lock(wg_mutex *mutex)
{
    int result = pthread_mutex_lock(&mutex->handle);
    WG_ASSERT(result == 0);
}

void wg_mutex_unlock(wg_mutex *mutex)
{
    int result = pthread_mutex_unlock(&mutex->handle);
    WG_ASSERT(result == 0);
}

void wg_cond_init(wg_cond *cond)
{
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    WG_ASSERT(result == 0);
#if !defined(__APPLE__) // there, wg_cond_wait_ms waits for a span instead
    result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    WG_ASSERT(result == 0);
#endif
    result = pthread_cond_init(&cond->handle, &attributes);
    WG_ASSERT(result == 0);
    pthread_condattr_destroy(&attributes);
}

void wg_cond_finish(wg_cond *cond)
{
    int result = pthread_cond_destroy(&cond->handle);
    WG_ASSERT(result == 0);
}

void wg_cond_wait(wg_cond *cond, wg_mutex *mutex)
{
    int result = pthread_cond_wait(&cond->handle, &mutex->handle);
    WG_ASSERT(result == 0);
}

bool wg_cond_wait_ms(wg_cond *cond, wg_mutex *mutex, uint32_t ms)
{
#if defined(__APPLE__)
    struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    int result = pthread_cond_timedwait_relative_np(&cond->handle, &mutex->handle, &span);
#else
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int result = pthread_cond_timedwait(&cond->handle, &mutex->handle, &until);
#endif
    WG_ASSERT(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

void wg_cond_signal(wg_cond *cond)
{
    int result = pthread_cond_signal(&cond->handle);
    WG_ASSERT(result == 0);
}

void wg_cond_broadcast(wg_cond *cond)
{
    int result = pthread_cond_broadcast(&cond->handle);
    WG_ASSERT(result == 0);
}

void wg_rwlock_init(wg_rwlock *lock)
{
    pthread_rwlockattr_t attributes;
    int result = pthread_rwlockattr_init(&attributes);
    WG_ASSERT(result == 0);
#if defined(__GLIBC__) // its default prefers readers; others prefer writers, or take turns
    result =
        pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    WG_ASSERT(result == 0);
#endif
    result = pthread_rwlock_init(&lock->handle, &attributes);
    WG_ASSERT(result == 0);
    pthread_rwlockattr_destroy(&attributes);
}

void wg_rwlock_finish(wg_rwlock *lock)
{
    int result = pthread_rwlock_destroy(&lock->handle);
    WG_ASSERT(result == 0);
}

void wg_rwlock_read(wg_rwlock *lock)
{
    int result = pthread_rwlock_rdlock(&lock->handle);
    WG_ASSERT(result == 0);
}

void wg_rwlock_write(wg_rwlock *lock)
{
    int result = pthread_rwlock_wrlock(&lock->handle);
    WG_ASSERT(result == 0);
}

void wg_rwlock_unlock(wg_rwlock *lock)
{
    int result = pthread_rwlock_unlock(&lock->handle);
    WG_ASSERT(result == 0);
}

// ---- Threads ------------------------------------------------------------------------------------

typedef struct thread_start {
    wg_thread_fn run;
    void *context;
    char name[THREAD_NAME_SIZE];
} thread_start;

static void *thread_main(void *argument)
{
    thread_start start = *(thread_start *)argument;
    wg_free(argument);
#if defined(__APPLE__)
    pthread_setname_np(start.name);
#else
    pthread_setname_np(pthread_self(), start.name);
#endif
    start.run(start.context);
    return NULL;
}

// Signals are for the threads of the program; a new thread inherits the mask of its creator.
static int create_without_signals(pthread_t *handle, thread_start *start)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(handle, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

waggle_status wg_thread_start(wg_thread *thread, const char *name, wg_thread_fn run, void *context,
                              waggle_error *error)
{
    size_t length = strlen(name);
    WG_ASSERT(length < THREAD_NAME_SIZE);
    thread_start *start = wg_alloc(NULL, WG_MEMORY_OTHER, sizeof(*start));
    if (start == NULL) return wg_fail_memory(error, sizeof(*start), "a thread");
    *start = (thread_start){.run = run, .context = context};
    memcpy(start->name, name, length);

    int result = create_without_signals(&thread->handle, start); // on success start has moved
    if (result == 0) {
        thread->running = true;
        return WAGGLE_OK;
    }
    wg_free(start);
    return wg_fail(error, WAGGLE_OUT_OF_MEMORY,
                   "thread %s: the system starts no more threads (errno %d)", name, result);
}

void wg_thread_join(wg_thread *thread)
{
    if (!thread->running) return;
    int result = pthread_join(thread->handle, NULL);
    WG_ASSERT(result == 0);
    thread->running = false;
}

// ---- Events -------------------------------------------------------------------------------------

waggle_status wg_event_open(wg_event *event, waggle_error *error)
{
#if defined(__linux__)
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return wg_fail(error, WAGGLE_IO, "open an event: errno %d", errno);
    *event = (wg_event){.handle = fd, .writer = fd};
#else
    int pair[2];
    if (pipe(pair) != 0) return wg_fail(error, WAGGLE_IO, "open an event: errno %d", errno);
    for (int i = 0; i < 2; i++) {
        fcntl(pair[i], F_SETFD, FD_CLOEXEC);
        fcntl(pair[i], F_SETFL, O_NONBLOCK);
    }
    *event = (wg_event){.handle = pair[0], .writer = pair[1]};
#endif
    return WAGGLE_OK;
}

void wg_event_close(wg_event *event)
{
    if (event->handle >= 0) close((int)event->handle);
    if (event->writer >= 0 && event->writer != event->handle) close((int)event->writer);
    *event = (wg_event){.handle = -1, .writer = -1};
}

void wg_event_set(wg_event *event)
{
    const uint64_t one = 1;
    ssize_t written;
    do {
        written = write((int)event->writer, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
    WG_ASSERT(written > 0 || errno == EAGAIN); // EAGAIN: it is set many times over
}

void wg_event_clear(wg_event *event)
{
    uint64_t taken[64];
    for (;;) {
        ssize_t got = read((int)event->handle, taken, sizeof(taken));
        if (got < 0 && errno != EINTR) break;
    }
    WG_ASSERT(errno == EAGAIN);
}
