#include "cli/progress.h"

#include "base/system.h"

#include <stdio.h>
#include <string.h>

#define REDRAW_NS UINT64_C(100000000)
#define BAR_WIDTH_MAX 24u
#define BAR_WIDTH_MIN 4u
#define LABEL_MAX 40u
#define LINE_SIZE 256u

const char *cli_duration_text(char *target, size_t capacity, double seconds)
{
    uint64_t whole = seconds < 0 ? 0 : seconds > 1e9 ? UINT64_C(1000000000) : (uint64_t)seconds;
    uint64_t hours = whole / 3600, minutes = whole / 60 % 60;

    if (hours > 0) {
        snprintf(target, capacity, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes,
                 whole % 60);
    } else if (minutes > 0) {
        snprintf(target, capacity, "%" PRIu64 ":%02" PRIu64, minutes, whole % 60);
    } else {
        snprintf(target, capacity, "%" PRIu64 " s", whole);
    }
    return target;
}

// " 43% [##########..............] ", with a bar that takes the room there is.
static void put_bar(char *text, size_t capacity, double share, size_t room)
{
    char bar[BAR_WIDTH_MAX + 1];
    size_t width = WG_MAX(WG_MIN(room, (size_t)BAR_WIDTH_MAX), (size_t)BAR_WIDTH_MIN);
    size_t filled = (size_t)(share * (double)width);

    for (size_t i = 0; i < width; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[width] = '\0';
    snprintf(text, capacity, "%3u%% [%s] ", (unsigned)(share * 100), bar);
}

// "1000 rows, 500 rows/s, 2.0 MB/s, 6 s left"
static void put_figures(char *text, size_t capacity, const cli_progress *progress,
                        const cli_progress_state *state, double seconds)
{
    char duration[32];
    double elapsed = seconds > 1e-6 ? seconds : 1e-6;
    double rate = (double)(state->rows - WG_MIN(state->rows, progress->base_rows)) / elapsed;
    // The rate of this run alone says what is left; what an earlier one did took none of its time.
    double run = (double)(state->done - WG_MIN(state->done, progress->base_done));
    size_t at = (size_t)snprintf(text, capacity, "%" PRIu64 " rows, %.0f rows/s, %.1f MB/s",
                                 state->rows, rate, (double)state->bytes / elapsed / 1e6);

    if (state->total == 0 || run <= 0 || at >= capacity) return;
    double left = (double)(state->total - WG_MIN(state->total, state->done));
    snprintf(text + at, capacity - at, ", %s left",
             cli_duration_text(duration, sizeof(duration), left * elapsed / run));
}

void cli_progress_line(char *line, size_t capacity, const cli_progress *progress,
                       const cli_progress_state *state, double seconds)
{
    char figures[LINE_SIZE], bar[LINE_SIZE] = "", text[3 * LINE_SIZE];
    size_t label = WG_MIN(strlen(progress->label), (size_t)LABEL_MAX);

    put_figures(figures, sizeof(figures), progress, state, seconds);
    if (state->total > 0) {
        double share = (double)state->done / (double)state->total;
        size_t used = label + strlen(figures) + 9; // blanks, share and brackets
        size_t room = progress->width > used ? progress->width - used : 0;
        put_bar(bar, sizeof(bar), share > 1 ? 1 : share, room);
    }
    snprintf(text, sizeof(text), "%.*s %s%s", (int)label, progress->label, bar, figures);
    size_t size = WG_MIN(strlen(text), WG_MIN(capacity - 1, (size_t)progress->width));
    memcpy(line, text, size);
    line[size] = '\0';
}

void cli_progress_begin(cli_progress *progress, const char *label, bool quiet)
{
    *progress = (cli_progress){
        .shown = !quiet && wg_is_terminal(2),
        .label = label,
        .started_ns = wg_now_ns(),
    };
    // The last column stays free: some terminals wrap when it is written.
    uint32_t width = wg_terminal_width(2);
    progress->width = width > 1 ? width - 1 : 79;
}

void cli_progress_update(cli_progress *progress, const cli_progress_state *state)
{
    char line[LINE_SIZE];

    if (!progress->shown) return;
    uint64_t now = wg_now_ns();
    if (now - progress->drawn_ns < REDRAW_NS) return;
    progress->drawn_ns = now;
    progress->drawn = true;
    cli_progress_line(line, sizeof(line), progress, state,
                      (double)(now - progress->started_ns) / 1e9);
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->drawn) fprintf(stderr, "\r\033[K");
    progress->drawn = false;
}
