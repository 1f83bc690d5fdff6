// AVX-512 with VNNI and VPOPCNTDQ (Ice Lake, Zen 4 and later): bytes are multiplied and bits counted by instructions made
// for it.
#include "device/cpu/kernels.h"
#include "vector/code_fit.h"
#include "vector/rotation.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(                                                                    \
    __attribute__((                                                                              \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")
#endif

#define WG_LEVEL wg_kernels_vnni
#define WG_LEVEL_NAME "avx512-vnni"
#define WG_PANEL_BYTES
#define WG_COUNT_BITS
#include "device/cpu/words_avx512.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
