// Which SIMD levels there are, and which of them this machine has.
#include "device/cpu/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <string.h>

typedef struct level_info {
    const char *name;
    const wg_kernels *kernels; // NULL: not for this architecture
    bool (*supported)(void);
} level_info;

static bool has_scalar(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    unsigned int a = 0, b = 0, c = 0, d = 0;

    // Asks the processor and, for the registers, the operating system. Not every compiler knows the
    // name f16c here, so that one is read from where the processor says it.
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

static const level_info levels[WG_SIMD_COUNT] = {
    [WG_SIMD_SCALAR] = {"scalar",      &wg_kernels_scalar, has_scalar},
#if defined(__x86_64__)
    [WG_SIMD_AVX2] = {"avx2",        &wg_kernels_avx2,   has_avx2  },
    [WG_SIMD_AVX512] = {"avx512",      &wg_kernels_avx512, has_avx512},
    [WG_SIMD_VNNI] = {"avx512-vnni", &wg_kernels_vnni,   has_vnni  },
#else
    [WG_SIMD_AVX2] = {"avx2", NULL, NULL},
    [WG_SIMD_AVX512] = {"avx512", NULL, NULL},
    [WG_SIMD_VNNI] = {"avx512-vnni", NULL, NULL},
#endif
#if defined(__aarch64__)
    [WG_SIMD_NEON] = {"neon",        &wg_kernels_neon,   has_scalar},
#else
    [WG_SIMD_NEON] = {"neon", NULL, NULL},
#endif
};

const char *wg_simd_name(wg_simd level)
{
    WG_ASSERT(level < WG_SIMD_COUNT);
    return levels[level].name;
}

waggle_status wg_simd_parse(const char *name, wg_simd *level, waggle_error *error)
{
    for (uint32_t i = 0; i < WG_SIMD_COUNT; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *level = (wg_simd)i;
            return WAGGLE_OK;
        }
    }
    return wg_fail(error, WAGGLE_INVALID,
                   "\"%s\" is no SIMD level; there are scalar, avx2, avx512, avx512-vnni and neon",
                   name);
}

const wg_kernels *wg_kernels_get(wg_simd level, const char **reason)
{
    WG_ASSERT(level < WG_SIMD_COUNT);

    const char *why = NULL;
    if (levels[level].kernels == NULL) {
        why = "it is for another processor architecture";
    } else if (!levels[level].supported()) {
        why = "this processor lacks it";
    }
    if (reason != NULL) *reason = why;
    return why == NULL ? levels[level].kernels : NULL;
}

wg_simd wg_simd_best(void)
{
    uint32_t best = WG_SIMD_COUNT - 1;

    while (wg_kernels_get((wg_simd)best, NULL) == NULL) {
        best--; // ends at scalar, which every machine has
    }
    return (wg_simd)best;
}
