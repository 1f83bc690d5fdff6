// How fast this machine multiplies and adds: the other ceiling of a scan, beside its bandwidth (base/bandwidth.h).
// A fused multiply-add is two operations, for floats (FLOP) as for bytes (OP).
#pragma once

#include "base/status.h"

typedef enum wg_peak {
    WG_PEAK_F32,   // fused multiply-adds of float32
    WG_PEAK_BYTES, // dot products of unsigned with signed bytes, as VNNI computes them
} wg_peak;

#define WG_PEAK_THREADS_MAX 256u

// The instruction that is probed, as "avx512 vfmadd231ps"; NULL if there is no probe for this processor.
const char *wg_peak_name(wg_peak kind);
// Operations per second of this many threads together, in the fastest of a few runs of some milliseconds.
// WAGGLE_UNSUPPORTED if there is no probe for this processor: a guess would make every share of it wrong.
waggle_status wg_peak_measure(wg_peak kind, uint32_t threads, double *rate, waggle_error *error);
