// A line on the terminal that says how far a long command is: part done, rows, rates and the time left.
#pragma once

#include "base/status.h"

typedef struct cli_progress {
    bool shown; // only if the standard error is a terminal
    bool drawn;
    uint32_t width;
    const char *label;
    uint64_t started_ns;
    uint64_t drawn_ns;
    uint64_t base_rows; // rows and bytes that were done before, by an interrupted run
    uint64_t base_done;
} cli_progress;

// Where it is now. done and total count bytes of the source, or rows; total 0 = unknown.
typedef struct cli_progress_state {
    uint64_t rows;
    uint64_t done;
    uint64_t total;
    uint64_t bytes; // of vectors, for MB/s; counted in this run
} cli_progress_state;

void cli_progress_begin(cli_progress *progress, const char *label, bool quiet);
// Redraws at most ten times a second.
void cli_progress_update(cli_progress *progress, const cli_progress_state *state);
// Clears the line.
void cli_progress_end(cli_progress *progress);

// The text of the line, ended by NUL, at most width columns. seconds have passed in this run.
void cli_progress_line(char *line, size_t capacity, const cli_progress *progress,
                       const cli_progress_state *state, double seconds);
// "42 s", "3:05", "2:03:09"; target holds 32 bytes. Returns target.
const char *cli_duration_text(char *target, size_t capacity, double seconds);
