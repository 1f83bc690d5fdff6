// Each thread sums its part of the buffer as vectors of 64-bit words, in blocks of eight streams that advance side by
// side, and asks for the next block while it reads one: as a scan does that scores eight rows at a time. One
// stream alone reads an eighth slower (24 and 27 GB/s on a Sapphire Rapids core): a core prefetches each
// stream by itself, and stops at the end of a page. Threads start together behind an atomic gate; the pass takes from its
// opening until the last one has its sum.
#include "base/bandwidth.h"

#include "base/memory.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>

#define LANES 8u    // 64-bit words of a vector
#define STREAMS 8u  // read side by side
#define STREAM 256u // words of a stream in a block: 2 KiB
#define STEP (STREAMS * STREAM)
#define PASSES_MAX 64u

typedef uint64_t words __attribute__((vector_size(LANES * sizeof(uint64_t))));

static inline __attribute__((always_inline)) uint64_t sum_words(const uint64_t *data, size_t count)
{
    words sums[STREAMS] = {{0}};
    uint64_t total = 0;

    for (size_t block = 0; block < count; block += STEP) {
        for (size_t i = 0; i < STREAM; i += LANES) {
            for (size_t j = 0; j < STREAMS; j++) {
                const uint64_t *at = data + block + j * STREAM + i;
                __builtin_prefetch(at + STEP); // may lie past the end: a prefetch never faults
                sums[j] += *(const words *)(const void *)at;
            }
        }
    }
    for (size_t j = 0; j < STREAMS * LANES; j++) {
        total += sums[j / LANES][j % LANES];
    }
    return total;
}

static uint64_t sum_plain(const uint64_t *data, size_t count)
{
    return sum_words(data, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint64_t *data, size_t count)
{
    return sum_words(data, count);
}

__attribute__((target("avx512f"))) static uint64_t sum_avx512(const uint64_t *data, size_t count)
{
    return sum_words(data, count);
}

uint64_t wg_bandwidth_sum(const uint64_t *data, size_t count)
{
    if (__builtin_cpu_supports("avx512f")) return sum_avx512(data, count);
    if (__builtin_cpu_supports("avx2")) return sum_avx2(data, count);
    return sum_plain(data, count);
}
#else
uint64_t wg_bandwidth_sum(const uint64_t *data, size_t count)
{
    return sum_plain(data, count);
}
#endif

// ---- Buffers and passes ------------------------------------------------------------------------

waggle_status wg_bandwidth_open(wg_bandwidth *bandwidth, size_t size, uint32_t threads,
                                waggle_error *error)
{
    size_t step = STEP * sizeof(uint64_t);

    threads = WG_MAX(1u, WG_MIN(threads, WG_BANDWIDTH_THREADS_MAX));
    size_t part = WG_MAX(size / threads / step, (size_t)1) * step;
    uint64_t *data = wg_pages_alloc(NULL, WG_MEMORY_SCRATCH, part * threads);
    if (data == NULL) return wg_fail_memory(error, part * threads, "the probe of the bandwidth");

    // Written once, or all pages would be the one page of zeros.
    for (size_t i = 0; i < part * threads / sizeof(uint64_t); i++) {
        data[i] = i;
    }
    memset(bandwidth, 0, sizeof(*bandwidth));
    bandwidth->data = data;
    bandwidth->size = part * threads;
    bandwidth->threads = threads;
    return WAGGLE_OK;
}

void wg_bandwidth_close(wg_bandwidth *bandwidth)
{
    if (bandwidth->data != NULL) {
        wg_pages_free(NULL, WG_MEMORY_SCRATCH, bandwidth->data, bandwidth->size);
    }
    memset(bandwidth, 0, sizeof(*bandwidth));
}

typedef struct gate {
    _Atomic uint32_t waiting; // threads that are ready
    _Atomic bool open;        // released by the caller: they may begin
} gate;

typedef struct part {
    wg_bandwidth *bandwidth;
    gate *gate;
    const uint64_t *data;
    size_t count;
    uint64_t ended_ns;
} part;

static void sum_part(void *context)
{
    part *mine = context;

    atomic_fetch_add_explicit(&mine->gate->waiting, 1, memory_order_release); // seen by the caller
    while (!atomic_load_explicit(&mine->gate->open, memory_order_acquire)) {
        // The gate opens within microseconds: a sleep would be part of what is measured.
    }
    uint64_t sum = wg_bandwidth_sum(mine->data, mine->count);
    atomic_fetch_add_explicit(&mine->bandwidth->sink, sum, memory_order_relaxed); // only a sink
    mine->ended_ns = wg_now_ns();
}

waggle_status wg_bandwidth_pass(wg_bandwidth *bandwidth, double *rate, waggle_error *error)
{
    wg_thread threads[WG_BANDWIDTH_THREADS_MAX] = {0};
    part parts[WG_BANDWIDTH_THREADS_MAX];
    gate shared = {0};
    size_t count = bandwidth->size / sizeof(uint64_t) / bandwidth->threads;
    uint32_t started = 1; // the caller is the first
    waggle_status status = WAGGLE_OK;

    for (uint32_t i = 0; i < bandwidth->threads; i++) {
        parts[i] = (part){bandwidth, &shared, bandwidth->data + i * count, count, 0};
    }
    while (started < bandwidth->threads && status == WAGGLE_OK) {
        status = wg_thread_start(&threads[started], "bandwidth", sum_part, &parts[started], error);
        if (status == WAGGLE_OK) started++;
    }
    while (atomic_load_explicit(&shared.waiting, memory_order_acquire) < started - 1) {
        wg_sleep_ms(0);
    }
    uint64_t from = wg_now_ns();
    atomic_store_explicit(&shared.open, true, memory_order_release); // seen by sum_part()
    sum_part(&parts[0]);
    uint64_t ended = parts[0].ended_ns;
    for (uint32_t i = 1; i < started; i++) {
        wg_thread_join(&threads[i]);
        ended = WG_MAX(ended, parts[i].ended_ns);
    }
    double seconds = (double)(ended - from) / 1e9;
    if (status == WAGGLE_OK) {
        *rate = (double)bandwidth->size / (seconds > 1e-9 ? seconds : 1e-9);
    }
    return status;
}

waggle_status wg_bandwidth_measure(wg_bandwidth *bandwidth, uint32_t count, double *rate,
                                   waggle_error *error)
{
    double rates[PASSES_MAX];

    WG_ASSERT(count > 0 && count <= PASSES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        waggle_status status = wg_bandwidth_pass(bandwidth, &rates[i], error);
        if (status != WAGGLE_OK) return status;
    }
    *rate = wg_quantile(rates, count, 0.5);
    return WAGGLE_OK;
}

// ---- Quantiles ---------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

double wg_quantile(double *values, size_t count, double q)
{
    if (count == 0) return 0;
    qsort(values, count, sizeof(*values), compare_doubles);
    double rank = q * (double)count;
    size_t index = (size_t)rank;
    // The smallest index with index + 1 >= rank.
    if ((double)index >= rank && index > 0) index--;
    return values[WG_MIN(index, count - 1)];
}
