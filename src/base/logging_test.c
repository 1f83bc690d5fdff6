#include "base/logging.h"
#include "support/test.h"

typedef struct seen_line {
    int count;
    waggle_log_level level;
    char line[4096];
} seen_line;

static void record(void *context, waggle_log_level level, const char *line)
{
    seen_line *seen = context;
    seen->count++;
    seen->level = level;
    snprintf(seen->line, sizeof(seen->line), "%s", line);
}

WG_TEST(a_line_reaches_the_logger_with_its_level)
{
    seen_line seen = {0};
    wg_logger logger = {record, &seen};
    wg_log_line(&logger, WAGGLE_LOG_WARNING, "event=seal rows=%d", 7);
    WG_CHECK_U64(seen.count, 1);
    WG_CHECK(seen.level == WAGGLE_LOG_WARNING);
    WG_CHECK_TEXT(seen.line, "event=seal rows=7");
}

WG_TEST(a_silent_logger_is_fine)
{
    wg_logger silent = {0};
    wg_log_line(&silent, WAGGLE_LOG_INFO, "event=%s", "x");
    wg_log_line(NULL, WAGGLE_LOG_INFO, "event=%s", "x");
}

WG_TEST(an_event_stays_one_line_of_bounded_size)
{
    static char value[10000];
    seen_line seen = {0};
    wg_logger logger = {record, &seen};
    wg_log_line(&logger, WAGGLE_LOG_INFO, "event=a name=%s", "x\nevent=forged\t\x1B[31m");
    WG_CHECK_TEXT(seen.line, "event=a name=x event=forged  [31m");
    memset(value, 'x', sizeof(value) - 1);
    wg_log_line(&logger, WAGGLE_LOG_INFO, "event=a name=%s", value);
    WG_CHECK(strlen(seen.line) > 1000 && strlen(seen.line) < 4000);
}

WG_TEST(values_are_quoted_where_they_need_it)
{
    static const struct {
        const char *value;
        const char *expected;
    } cases[] = {
        {"movies",         "movies"               },
        {"",               "\"\""                 },
        {"two words",      "\"two words\""        },
        {"a=b",            "\"a=b\""              },
        {"say \"hi\"",     "\"say \\\"hi\\\"\""   },
        {"back\\slash",    "\"back\\\\slash\""    },
        {"line\nfeed\r\t", "\"line\\nfeed\\r\\t\""},
        {"\x01\x7F",       "\"\\u0001\\u007f\""   },
        {"bl\xC3\xBCte",   "bl\xC3\xBCte"         },
    };

    for (size_t i = 0; i < WG_COUNT(cases); i++) {
        char target[64];
        WG_CHECK(wg_log_quote(target, sizeof(target), cases[i].value) == target);
        WG_CHECK_TEXT(target, cases[i].expected);
    }
}

WG_TEST(a_long_value_is_cut_but_closed)
{
    char target[8];
    WG_CHECK_TEXT(wg_log_quote(target, sizeof(target), "1234567"), "1234567");
    WG_CHECK_TEXT(wg_log_quote(target, sizeof(target), "12345678"), "\"12345\"");
    WG_CHECK_TEXT(wg_log_quote(target, sizeof(target), "1234\n678"), "\"1234\"");
    WG_CHECK_TEXT(wg_log_quote(target, 3, "x y"), "\"\"");
}
