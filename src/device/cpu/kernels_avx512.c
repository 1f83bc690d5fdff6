// AVX-512: F, BW, DQ and VL only, so that every AVX-512 server runs it.
#include "device/cpu/kernels.h"
#include "vector/code_fit.h"
#include "vector/rotation.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif

#define WG_LEVEL wg_kernels_avx512
#define WG_LEVEL_NAME "avx512"
#include "device/cpu/words_avx512.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
