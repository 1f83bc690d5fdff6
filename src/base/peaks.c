// Every probe is one loop of multiply-adds that depend on nothing but their own accumulator, so a core can start as many
// as it has units. An instruction takes 4 or 5 cycles and a core starts 2 a cycle, so 10 accumulators are the
// least; AVX-512 and NEON have registers for 24, AVX2 for 14. The loops are written in assembly: compilers
// spill accumulators (gcc 12 does for vpdpbusd), and what is measured then is the stack.
#include "base/peaks.h"

#include "base/system.h"
#include "base/thread.h"

#define ROUNDS UINT64_C(400000) // of a loop: about 2 ms
#define RUNS 5u // the fastest counts: the others were interrupted, or woke the wide units up

typedef void (*probe_fn)(uint64_t rounds);

typedef struct peak_probe {
    const char *name; // NULL = none
    probe_fn run;
    double operations; // of a round
} peak_probe;

#define TIMES_14(at) \
    at(0) at(1) at(2) at(3) at(4) at(5) at(6) at(7) at(8) at(9) at(10) at(11) at(12) at(13)
#define TIMES_24(at) \
    TIMES_14(at) at(14) at(15) at(16) at(17) at(18) at(19) at(20) at(21) at(22) at(23)

#if defined(__x86_64__)
#define CLOBBERS_14                                                                          \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13"
#define CLOBBERS_24                                                                               \
    CLOBBERS_14, "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", \
        "xmm23"

// Zeros everywhere: a denormal or NaN would be slow on some processors.
#define ZERO_512(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define FMA_512(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define BYTES_512(i) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #i "\n"
#define ZERO_256(i) "vpxor %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n"
#define FMA_256(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"

__attribute__((target("avx512f"))) static void run_f32_avx512(uint64_t rounds)
{
    __asm__ volatile(TIMES_24(ZERO_512) ZERO_512(30)
                         ZERO_512(31) "1:\n" TIMES_24(FMA_512) "dec %0\njnz 1b\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm30", "xmm31", CLOBBERS_24);
}

__attribute__((target("avx512f"))) static void run_bytes_avx512(uint64_t rounds)
{
    __asm__ volatile(TIMES_24(ZERO_512) ZERO_512(30)
                         ZERO_512(31) "1:\n" TIMES_24(BYTES_512) "dec %0\njnz 1b\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm30", "xmm31", CLOBBERS_24);
}

__attribute__((target("avx2,fma"))) static void run_f32_avx2(uint64_t rounds)
{
    __asm__ volatile(TIMES_14(ZERO_256) ZERO_256(14)
                         ZERO_256(15) "1:\n" TIMES_14(FMA_256) "dec %0\njnz 1b\nvzeroupper\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm14", "xmm15", CLOBBERS_14);
}

static peak_probe probe_of(wg_peak kind)
{
    bool wide = __builtin_cpu_supports("avx512f");

    if (kind == WG_PEAK_F32) {
        if (wide) return (peak_probe){"avx512 vfmadd231ps", run_f32_avx512, 24 * 16 * 2};
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            return (peak_probe){"avx2 vfmadd231ps", run_f32_avx2, 14 * 8 * 2};
        }
    } else if (wide && __builtin_cpu_supports("avx512vnni")) {
        return (peak_probe){"avx512 vpdpbusd", run_bytes_avx512, 24 * 64 * 2};
    }
    return (peak_probe){0};
}
#elif defined(__aarch64__)
#define CLOBBERS_24                                                                                \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
        "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23"
#define ZERO_128(i) "movi v" #i ".4s, #0\n"
#define FMA_128(i) "fmla v" #i ".4s, v30.4s, v31.4s\n"

static void run_f32_neon(uint64_t rounds)
{
    __asm__ volatile(TIMES_24(ZERO_128) ZERO_128(30)
                         ZERO_128(31) "1:\n" TIMES_24(FMA_128) "subs %0, %0, #1\nb.ne 1b\n"
                     : "+r"(rounds)
                     :
                     : "cc", "v30", "v31", CLOBBERS_24);
}

static peak_probe probe_of(wg_peak kind)
{
    return kind == WG_PEAK_F32 ? (peak_probe){"neon fmla", run_f32_neon, 24 * 4 * 2}
                               : (peak_probe){0};
}
#else
static peak_probe probe_of(wg_peak kind)
{
    (void)kind;
    return (peak_probe){0};
}
#endif

const char *wg_peak_name(wg_peak kind)
{
    return probe_of(kind).name;
}

// ---- Threads -----------------------------------------------------------------------------------

typedef struct runner {
    const peak_probe *probe;
    _Atomic uint32_t *waiting;
    _Atomic bool *open;
    uint64_t ended_ns;
} runner;

static void run_probe(void *context)
{
    runner *mine = context;

    mine->probe->run(ROUNDS / 8);                                      // wakes the wide units up
    atomic_fetch_add_explicit(mine->waiting, 1, memory_order_release); // seen by measure_once()
    while (!atomic_load_explicit(mine->open, memory_order_acquire)) {
        // The gate opens within microseconds: a sleep would be part of what is measured.
    }
    mine->probe->run(ROUNDS);
    mine->ended_ns = wg_now_ns();
}

static waggle_status measure_once(const peak_probe *probe, uint32_t count, double *seconds,
                                  waggle_error *error)
{
    wg_thread threads[WG_PEAK_THREADS_MAX] = {0};
    runner runners[WG_PEAK_THREADS_MAX];
    _Atomic uint32_t waiting = 0;
    _Atomic bool open = false;
    uint32_t started = 1; // the caller is the first
    uint64_t ended = 0;
    waggle_status status = WAGGLE_OK;

    for (uint32_t i = 0; i < count; i++) {
        runners[i] = (runner){probe, &waiting, &open, 0};
    }
    while (started < count && status == WAGGLE_OK) {
        status = wg_thread_start(&threads[started], "peak", run_probe, &runners[started], error);
        if (status == WAGGLE_OK) started++;
    }
    while (atomic_load_explicit(&waiting, memory_order_acquire) < started - 1) {
        wg_sleep_ms(0);
    }
    probe->run(ROUNDS / 8);
    uint64_t from = wg_now_ns();
    atomic_store_explicit(&open, true, memory_order_release); // seen by run_probe()
    probe->run(ROUNDS);
    ended = wg_now_ns();
    for (uint32_t i = 1; i < started; i++) {
        wg_thread_join(&threads[i]);
        ended = WG_MAX(ended, runners[i].ended_ns);
    }
    *seconds = (double)WG_MAX(ended - from, (uint64_t)1) / 1e9;
    return status;
}

waggle_status wg_peak_measure(wg_peak kind, uint32_t threads, double *rate, waggle_error *error)
{
    peak_probe chosen = probe_of(kind);
    double best = 0;

    if (chosen.name == NULL) {
        return wg_fail(error, WAGGLE_UNSUPPORTED, "there is no probe of the peak of %s here",
                       kind == WG_PEAK_F32 ? "float32" : "bytes");
    }
    threads = WG_MAX(1u, WG_MIN(threads, WG_PEAK_THREADS_MAX));
    for (uint32_t i = 0; i < RUNS; i++) {
        double seconds = 0;
        waggle_status status = measure_once(&chosen, threads, &seconds, error);
        if (status != WAGGLE_OK) return status;
        best = WG_MAX(best, chosen.operations * (double)ROUNDS * threads / seconds);
    }
    *rate = best;
    return WAGGLE_OK;
}
