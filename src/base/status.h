// Status, errors, assertions, and arithmetic on sizes that come from outside.
#pragma once

#include "waggle.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WG_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WG_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WG_MAX(a, b) ((a) > (b) ? (a) : (b))
#define WG_PRINTF(at, first) __attribute__((format(printf, at, first)))

// Fills *error (which may be NULL) and returns status: return wg_fail(error, WAGGLE_INVALID, "k is %d", k);
waggle_status wg_fail(waggle_error *error, waggle_status status, const char *format, ...)
    WG_PRINTF(3, 4);
// The same with the numbers of a dimension or budget error.
waggle_status wg_fail_numbers(waggle_error *error, waggle_status status, uint64_t expected,
                              uint64_t actual, const char *format, ...) WG_PRINTF(5, 6);
// Puts "context: " before the message that is there, for callers that know the place. Returns status.
waggle_status wg_fail_context(waggle_error *error, waggle_status status, const char *format, ...)
    WG_PRINTF(3, 4);
// "out of memory: 123 bytes for the id table". Uses nothing that could allocate.
waggle_status wg_fail_memory(waggle_error *error, size_t size, const char *what);
void wg_error_clear(waggle_error *error);

// A broken invariant is our bug: says where, and ends the process. The log protects the data.
_Noreturn void wg_assert_failed(const char *condition, const char *file, int line);
#define WG_ASSERT(condition) \
    ((condition) ? (void)0 : wg_assert_failed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define WG_ASSERT_SLOW(condition) ((void)sizeof(condition))
#else
#define WG_ASSERT_SLOW(condition) WG_ASSERT(condition)
#endif

// False on overflow; *result is then untouched.
static inline bool wg_size_add(size_t a, size_t b, size_t *result)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *result = sum;
    return true;
}

static inline bool wg_size_mul(size_t a, size_t b, size_t *result)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *result = product;
    return true;
}

static inline uint64_t wg_round_up(uint64_t value, uint64_t multiple) // a power of two
{
    return (value + multiple - 1) & ~(multiple - 1);
}
