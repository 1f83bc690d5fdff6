// What the benchmarks share: options, clocks, reproducible numbers, folders that go away, and figures, which are
// printed as lines of a table and written as JSON with what repeats them.
//
//   usage: bench_<name> [--dir DIR] [--rows N] [--pairs N] [--seed N] [--out FILE] [--commit ID] [--only WORD]
//          [--quick]
//
// A figure is one line on standard output: name, goal, measured, and PASS or MISS, separated by tabs. Progress goes to
// standard error. A failure of any call ends the program: a benchmark has nobody to report to.
#pragma once

#include "waggle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_PAIRS_MAX 99u

typedef struct bench_options {
    const char *dir; // databases are made below; on the disk that is to be measured
    uint64_t rows;
    uint32_t pairs; // of ours and the baseline, interleaved
    uint64_t seed;
    const char *out; // JSON; NULL = none
    const char *commit;
    const char *only;    // one part of a program, as its usage says; NULL = all
    const char *program; // its name, without the folder
    bool quick; // small data and few runs: shows that everything works, and measures nothing
} bench_options;

void bench_options_read(int count, char **arguments, uint64_t rows, bench_options *options);
bool bench_wanted(const bench_options *options, const char *part);

// Ends the program with the error, unless status is WAGGLE_OK.
void bench_check(waggle_status status, const waggle_error *error, const char *what);
void bench_fail(const char *what); // with errno
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

double bench_seconds(void);           // monotonic
double bench_cpu_seconds(void);       // of this thread
double bench_random(uint64_t *state); // in [0, 1); splitmix64
uint64_t bench_random_u64(uint64_t *state);
double bench_median(const double *values, uint32_t count);
uint64_t bench_resident(void);      // bytes of this process, now
uint64_t bench_resident_peak(void); // since the last reset
void bench_resident_peak_reset(void);

// dir/bench.<process>.<label>, fresh; what was below is removed. Freed by the caller.
char *bench_folder(const bench_options *options, const char *label);
void bench_folder_remove(const char *path);
uint64_t bench_folder_bytes(const char *path); // on disk, as blocks
// Writes back everything, so that one run does not pay for the one before.
void bench_settle(const char *path);

// count rows of dim floats, reproducible. Enough that no cache of the disk could know them; freed by the caller.
float *bench_vectors(uint64_t count, uint32_t dim, uint64_t seed);

typedef struct bench_report bench_report;

bench_report *bench_report_create(const char *name, const bench_options *options);
void bench_parameter(bench_report *report, const char *key, double value);
void bench_parameter_text(bench_report *report, const char *key, const char *value);
// at_least: the goal is a lower bound, else an upper one. samples may be NULL.
void bench_figure(bench_report *report, const char *figure, const char *unit, double measured,
                  double goal, bool at_least, const double *samples, uint32_t sample_count);
// What stands beside the figures after this one: a recall, and a goal that nobody must reach. NAN = none.
void bench_beside(bench_report *report, double recall, double stretch);
// A figure that could not be measured, and why: it misses its goal.
void bench_figure_missing(bench_report *report, const char *figure, const char *unit, double goal,
                          bool at_least, const char *reason);
// A line of the JSON's table of measurements: the members of one object, as text.
void bench_measurement(bench_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// A value without a goal, for the reader.
void bench_value(bench_report *report, const char *key, double value);
// Writes the file and frees. The exit code: 0 if every figure reaches its goal, else 1.
int bench_report_finish(bench_report *report);

// The database of a folder, with a collection `c` of one f32 vector.
void bench_open(const char *path, waggle_durability durability, uint32_t dim,
                waggle_database **database, waggle_collection **collection);
// Upserts rows [first, first + count) of vectors, ids are their numbers.
void bench_upsert(waggle_collection *collection, const float *vectors, uint64_t first,
                  uint64_t count, uint32_t dim);
