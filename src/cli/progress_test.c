#include "cli/progress.h"
#include "support/test.h"

static char test_line[256];

static const char *line(const cli_progress *progress, const cli_progress_state *state,
                        double seconds)
{
    cli_progress_line(test_line, sizeof(test_line), progress, state, seconds);
    return test_line;
}

WG_TEST(the_line_says_share_rates_and_time_left)
{
    const cli_progress progress = {.label = "films", .width = 200};
    const cli_progress_state now = {.rows = 1000, .done = 250, .total = 1000, .bytes = 4000000};

    WG_CHECK_TEXT(
        line(&progress, &now, 2.0),
        "films  25% [######..................] 1000 rows, 500 rows/s, 2.0 MB/s, 6 s left");
}

WG_TEST(an_unknown_size_shows_no_share)
{
    const cli_progress progress = {.label = "films", .width = 200};
    const cli_progress_state now = {.rows = 1000, .done = 250, .bytes = 4000000};

    WG_CHECK_TEXT(line(&progress, &now, 2.0), "films 1000 rows, 500 rows/s, 2.0 MB/s");
}

WG_TEST(rates_are_of_this_run_alone)
{
    const cli_progress progress = {
        .label = "films", .width = 200, .base_rows = 900, .base_done = 900};
    const cli_progress_state now = {.rows = 950, .done = 950, .total = 1000, .bytes = 0};

    WG_CHECK_TEXT(line(&progress, &now, 1.0),
                  "films  95% [######################..] 950 rows, 50 rows/s, 0.0 MB/s, 1 s left");
}

WG_TEST(the_line_fits_the_terminal)
{
    const cli_progress progress = {.label = "films", .width = 20};
    const cli_progress_state now = {.rows = 1000, .done = 250, .total = 1000};

    WG_CHECK_U64(strlen(line(&progress, &now, 2.0)), 20);
}

WG_TEST(the_bar_takes_the_room_there_is)
{
    const cli_progress progress = {.label = "films", .width = 62};
    const cli_progress_state now = {.rows = 1000, .done = 500, .total = 1000, .bytes = 4000000};

    WG_CHECK_TEXT(line(&progress, &now, 2.0),
                  "films  50% [###....] 1000 rows, 500 rows/s, 2.0 MB/s, 2 s left");
}

WG_TEST(odd_figures_do_no_harm)
{
    const cli_progress progress = {.label = "films", .width = 200, .base_rows = 10};
    const cli_progress_state more = {.rows = 5, .done = 2000, .total = 1000};
    const cli_progress_state none = {.rows = 0, .done = 0, .total = 1000};

    WG_CHECK(strstr(line(&progress, &more, 0), "100%") != NULL);
    WG_CHECK(strstr(line(&progress, &none, 0), "left") == NULL);
}

WG_TEST(durations_read_easily)
{
    char text[32];

    WG_CHECK_TEXT(cli_duration_text(text, sizeof(text), 42.9), "42 s");
    WG_CHECK_TEXT(cli_duration_text(text, sizeof(text), 185), "3:05");
    WG_CHECK_TEXT(cli_duration_text(text, sizeof(text), 7389), "2:03:09");
    WG_CHECK_TEXT(cli_duration_text(text, sizeof(text), -1), "0 s");
}

WG_TEST(nothing_is_drawn_without_a_terminal)
{
    cli_progress progress;
    const cli_progress_state now = {.rows = 5, .done = 5, .total = 10};

    cli_progress_begin(&progress, "films", true);
    cli_progress_update(&progress, &now);
    WG_CHECK(!progress.drawn);
    cli_progress_end(&progress);
}
