// The test harness: cmocka, with tests that register themselves.
//
//   WG_TEST(name_states_a_behavior) { WG_CHECK(1 + 1 == 2); }
//
// A test that cannot run here calls WG_SKIP("why"): it is counted as skipped, never as passed. Long loops
// take their count from test_rounds(commit, nightly) or test_rounds_long(), and seeds from test_seed(), which
// prints them.
#pragma once

#include "base/memory.h"
#include "base/vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// clang-format off
#include <cmocka.h> // stays last: it uses what the headers above declare
// clang-format on

void test_register(const char *name, CMUnitTestFunction run);

#define WG_TEST(name)                                              \
    static void test_##name(void **state);                         \
    __attribute__((constructor)) static void register_##name(void) \
    {                                                              \
        test_register(#name, test_##name);                         \
    }                                                              \
    static void test_##name(void **state __attribute__((unused)))

#define WG_CHECK(condition)                           \
    do {                                              \
        if (!(condition)) fail_msg("%s", #condition); \
    } while (0)

#define WG_CHECK_U64(actual, expected)                                                  \
    do {                                                                                \
        uint64_t actual_ = (uint64_t)(actual), expected_ = (uint64_t)(expected);        \
        if (actual_ != expected_)                                                       \
            fail_msg("%s is %llu, expected %llu", #actual, (unsigned long long)actual_, \
                     (unsigned long long)expected_);                                    \
    } while (0)

#define WG_CHECK_TEXT(actual, expected) assert_string_equal(actual, expected)

// The call succeeds; otherwise its error is shown. The call must use an error named `error`.
#define WG_OK(call)                                                                    \
    do {                                                                               \
        waggle_status status_ = (call);                                                \
        if (status_ != WAGGLE_OK)                                                      \
            fail_msg("%s: %s: %s", #call, waggle_status_name(status_), error.message); \
    } while (0)

// The call fails with this status.
#define WG_FAILS(expected, call)                                                  \
    do {                                                                          \
        waggle_status status_ = (call);                                           \
        if (status_ != (expected))                                                \
            fail_msg("%s is %s, expected %s", #call, waggle_status_name(status_), \
                     waggle_status_name(expected));                               \
    } while (0)

// The call fails with this status and a message that holds this text.
#define WG_FAILS_WITH(expected, text, call)                                                      \
    do {                                                                                         \
        WG_FAILS(expected, call);                                                                \
        if (strstr(error.message, text) == NULL)                                                 \
            fail_msg("%s: the message \"%s\" does not hold \"%s\"", #call, error.message, text); \
    } while (0)

#define WG_SKIP(why)                         \
    do {                                     \
        print_message("SKIPPED: %s\n", why); \
        skip();                              \
    } while (0)

// The count for this tier: WAGGLE_TIER=nightly or release takes the second.
uint64_t test_rounds(uint64_t commit, uint64_t nightly);
// The same for loops of minutes: divided by WAGGLE_ROUNDS_DIVISOR of the environment, which test.sh sets
// where a sanitizer makes each round many times slower. The release build runs all rounds.
uint64_t test_rounds_long(uint64_t commit, uint64_t nightly);
// WAGGLE_SEED of the environment, or fallback; printed when the test fails.
uint64_t test_seed(uint64_t fallback);

// A small generator of random numbers (splitmix64).
typedef struct test_random {
    uint64_t state;
} test_random;

uint64_t test_next(test_random *random);
uint64_t test_below(test_random *random, uint64_t bound);
float test_normal(test_random *random); // mean 0, variance 1

// A new folder under TMPDIR, removed with all it holds when the program ends. 4096 bytes are enough.
void test_folder(char *path, size_t capacity);

// Memory that can fail: a heap whose n-th allocation (from 1) fails, once or from then on.
typedef struct test_heap {
    wg_heap heap;
    uint64_t calls;   // allocations so far
    uint64_t fail_at; // 0 = never
    bool persistent;
    uint64_t failed; // how many were refused
    int64_t live;    // blocks not released
} test_heap;

void test_heap_init(test_heap *heap);
