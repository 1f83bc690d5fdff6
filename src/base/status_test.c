#include "base/status.h"
#include "support/test.h"

WG_TEST(every_status_has_its_name)
{
    WG_CHECK_TEXT(waggle_status_name(WAGGLE_OK), "WAGGLE_OK");
    for (int i = 0; i <= WAGGLE_DEVICE_LOST; i++)
        WG_CHECK(strncmp(waggle_status_name((waggle_status)i), "WAGGLE_", 7) == 0);
    WG_CHECK_TEXT(waggle_status_name((waggle_status)(WAGGLE_DEVICE_LOST + 1)), "unknown");
    WG_CHECK_TEXT(waggle_status_name((waggle_status)1000), "unknown");
}

WG_TEST(failing_fills_status_message_and_clears_numbers)
{
    waggle_error error = {.expected = 7, .actual = 8};
    WG_FAILS(WAGGLE_INVALID, wg_fail(&error, WAGGLE_INVALID, "k is %d", 0));
    WG_CHECK(error.status == WAGGLE_INVALID);
    WG_CHECK_TEXT(error.message, "k is 0");
    WG_CHECK_U64(error.expected, 0);
    WG_CHECK_U64(error.actual, 0);
    WG_FAILS(WAGGLE_DIMENSION, wg_fail_numbers(&error, WAGGLE_DIMENSION, 3, 4, "dim %d", 4));
    WG_CHECK_U64(error.expected, 3);
    WG_CHECK_U64(error.actual, 4);
}

WG_TEST(an_error_may_be_absent)
{
    WG_FAILS(WAGGLE_IO, wg_fail(NULL, WAGGLE_IO, "%s", "x"));
    WG_FAILS(WAGGLE_IO, wg_fail_numbers(NULL, WAGGLE_IO, 1, 2, "%s", "x"));
    WG_FAILS(WAGGLE_IO, wg_fail_context(NULL, WAGGLE_IO, "%s", "x"));
    WG_FAILS(WAGGLE_OUT_OF_MEMORY, wg_fail_memory(NULL, 1, "x"));
    wg_error_clear(NULL);
}

WG_TEST(context_goes_before_the_message_and_keeps_numbers)
{
    waggle_error error;
    wg_fail_numbers(&error, WAGGLE_BUDGET, 10, 20, "too much");
    WG_FAILS(WAGGLE_BUDGET, wg_fail_context(&error, WAGGLE_BUDGET, "row %d", 5));
    WG_CHECK_TEXT(error.message, "row 5: too much");
    WG_CHECK_U64(error.expected, 10);
    WG_CHECK_U64(error.actual, 20);
}

WG_TEST(the_old_message_may_be_an_argument_of_the_new_one)
{
    waggle_error error;
    wg_fail(&error, WAGGLE_IO, "inner");
    wg_fail(&error, WAGGLE_IO, "outer (%s)", error.message);
    WG_CHECK_TEXT(error.message, "outer (inner)");
}

WG_TEST(a_long_message_is_cut_between_characters)
{
    char text[1000];
    for (size_t shift = 0; shift < 4; shift++) {
        waggle_error error;
        memset(text, 'x', shift);
        size_t at = shift;
        for (; at + 4 < sizeof(text); at += 4)
            memcpy(text + at, "\xF0\x9F\x90\x9D", 4); // a bee
        text[at] = 0;
        wg_fail(&error, WAGGLE_INVALID, "%s", text);
        size_t length = strlen(error.message);
        WG_CHECK(length <= sizeof(error.message) - 1);
        WG_CHECK(length > sizeof(error.message) - 5);
        WG_CHECK_U64((length - shift) % 4, 0);
    }
}

WG_TEST(clearing_leaves_nothing)
{
    waggle_error error;
    wg_fail_memory(&error, 123, "the id table");
    WG_CHECK_TEXT(error.message, "out of memory: 123 bytes for the id table");
    wg_error_clear(&error);
    WG_CHECK(error.status == WAGGLE_OK);
    WG_CHECK_TEXT(error.message, "");
}

WG_TEST(arithmetic_on_sizes_finds_overflow)
{
    size_t result = 5;
    WG_CHECK(!wg_size_add(SIZE_MAX, 1, &result));
    WG_CHECK(!wg_size_mul(SIZE_MAX / 2, 3, &result));
    WG_CHECK_U64(result, 5);
    WG_CHECK(wg_size_add(SIZE_MAX - 1, 1, &result));
    WG_CHECK_U64(result, SIZE_MAX);
    WG_CHECK(wg_size_mul(0, SIZE_MAX, &result));
    WG_CHECK_U64(result, 0);
    WG_CHECK_U64(wg_round_up(0, 8), 0);
    WG_CHECK_U64(wg_round_up(1, 8), 8);
    WG_CHECK_U64(wg_round_up(8, 8), 8);
}
