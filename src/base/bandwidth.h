// How fast this machine reads memory: the ceiling of every exact scan, measured beside it.
#pragma once

#include "base/thread.h"

#define WG_BANDWIDTH_THREADS_MAX 256u

typedef struct wg_bandwidth {
    uint64_t *data;        // aligned to 64 bytes
    size_t size;           // a multiple of 64 bytes per thread and unrolled step
    uint32_t threads;      // may be set to a divisor of what it was opened with, between passes
    _Atomic uint64_t sink; // so that no compiler drops the sums
} wg_bandwidth;

// A buffer of about size bytes for this many threads.
waggle_status wg_bandwidth_open(wg_bandwidth *bandwidth, size_t size, uint32_t threads,
                                waggle_error *error);
void wg_bandwidth_close(wg_bandwidth *bandwidth); // a zeroed one is fine
// One pass over the whole buffer; *rate receives bytes per second.
waggle_status wg_bandwidth_pass(wg_bandwidth *bandwidth, double *rate, waggle_error *error);
// The median of count passes, of 1 to 64.
waggle_status wg_bandwidth_measure(wg_bandwidth *bandwidth, uint32_t count, double *rate,
                                   waggle_error *error);

// The sum of count 64-bit words; count is a multiple of 2,048, data aligned to 64 bytes.
uint64_t wg_bandwidth_sum(const uint64_t *data, size_t count);

// The q-quantile (0..1) of values, which are sorted by it: the smallest value that at least q of them do not
// exceed. 0 if there are none.
double wg_quantile(double *values, size_t count, double q);
