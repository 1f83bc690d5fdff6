// The read bandwidth probe: what a scan of the same bytes is measured against. It takes blocks from a
// cursor as a scan does, and loads them with the widest registers of the machine.
#include "base/system.h"
#include "device/cpu/kernels.h"
#include "device/cpu/pool.h"

#define PROBE_BLOCK_SIZE ((size_t)256 << 10)
#define PROBE_PASSES 7u // the median is given; one more goes first, unmeasured

typedef struct probe {
    const uint8_t *data;
    size_t size;
    wg_read_fn read;
    _Atomic size_t next; // relaxed, as in a scan
    _Atomic uint64_t sink;
} probe;

static void probe_participate(void *context, uint32_t participant)
{
    probe *p = context;
    uint64_t any = 0;

    (void)participant;
    for (;;) {
        size_t at = atomic_fetch_add_explicit(&p->next, PROBE_BLOCK_SIZE, memory_order_relaxed);
        if (at >= p->size) break;
        any |= p->read(p->data + at, WG_MIN(PROBE_BLOCK_SIZE, p->size - at));
    }
    atomic_fetch_or_explicit(&p->sink, any, memory_order_relaxed);
}

static uint64_t probe_pass(probe *p, wg_pool *pool)
{
    uint64_t begin = wg_now_ns();

    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    wg_pool_run(pool, wg_pool_threads(pool), probe_participate, p);
    return WG_MAX(wg_now_ns() - begin, 1u);
}

// Sorts the few times in place and gives the middle one.
static uint64_t median(uint64_t *times, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t j = i; j > 0 && times[j - 1] > times[j]; j--) {
            uint64_t swapped = times[j];
            times[j] = times[j - 1];
            times[j - 1] = swapped;
        }
    }
    return times[count / 2];
}

double wg_device_cpu_bandwidth(const void *data, size_t size, uint32_t threads)
{
    WG_ASSERT((uintptr_t)data % 64 == 0);

    uint64_t times[PROBE_PASSES];
    wg_pool *pool = NULL;
    probe p = {
        .data = data,
        .size = size & ~(size_t)63,
        .read = wg_kernels_get(wg_simd_best(), NULL)->read,
    };

    if (threads == 0) threads = wg_cpu_count();
    if (wg_pool_create(threads, &pool, NULL) != WAGGLE_OK) return 0.0;
    probe_pass(&p, pool);
    for (uint32_t i = 0; i < PROBE_PASSES; i++) {
        times[i] = probe_pass(&p, pool);
    }
    wg_pool_destroy(pool);
    return (double)p.size * 1e9 / (double)median(times, PROBE_PASSES);
}
