#include "support.h"

#include "base/json.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEED 7u
#define PAIRS 5u

// ---- Options and failures --------------------------------------------------------------------------

static uint64_t number_read(const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || text[0] == '-') {
        fprintf(stderr, "%s is '%s'; it must be a number\n", option, text);
        exit(2);
    }
    return value;
}

void bench_options_read(int count, char **arguments, uint64_t rows, bench_options *options)
{
    *options = (bench_options){
        .dir = ".", .rows = rows, .pairs = PAIRS, .seed = SEED, .commit = "unknown"};
    const char *slash = strrchr(arguments[0], '/');
    options->program = slash != NULL ? slash + 1 : arguments[0];
    for (int i = 1; i < count; i += 2) {
        const char *option = arguments[i];
        if (strcmp(option, "--quick") == 0) {
            options->quick = true;
            i--; // it has no value
            continue;
        }
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (value != NULL && strcmp(option, "--dir") == 0)
            options->dir = value;
        else if (value != NULL && strcmp(option, "--rows") == 0)
            options->rows = number_read(option, value);
        else if (value != NULL && strcmp(option, "--pairs") == 0)
            options->pairs = (uint32_t)number_read(option, value);
        else if (value != NULL && strcmp(option, "--seed") == 0)
            options->seed = number_read(option, value);
        else if (value != NULL && strcmp(option, "--out") == 0)
            options->out = value;
        else if (value != NULL && strcmp(option, "--commit") == 0)
            options->commit = value;
        else if (value != NULL && strcmp(option, "--only") == 0)
            options->only = value;
        else {
            fprintf(stderr,
                    "usage: %s [--dir DIR] [--rows N] [--pairs N] [--seed N] [--out FILE] "
                    "[--commit ID] [--only PART] [--quick]\n",
                    arguments[0]);
            exit(2);
        }
    }
    if (options->rows == 0 || options->pairs == 0 || options->pairs > BENCH_PAIRS_MAX) {
        fprintf(stderr, "%s: --rows is at least 1, --pairs from 1 to %u\n", arguments[0],
                BENCH_PAIRS_MAX);
        exit(2);
    }
}

bool bench_wanted(const bench_options *options, const char *part)
{
    return options->only == NULL || strcmp(options->only, part) == 0;
}

void bench_check(waggle_status status, const waggle_error *error, const char *what)
{
    if (status == WAGGLE_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, waggle_status_name(status), error->message);
    exit(3);
}

void bench_fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(3);
}

void bench_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

// ---- Clocks, numbers, memory -----------------------------------------------------------------------

static double clock_seconds(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) bench_fail("clock_gettime");
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_seconds(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

double bench_cpu_seconds(void)
{
    return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_random_u64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double bench_random(uint64_t *state)
{
    return (double)(bench_random_u64(state) >> 11) * 0x1p-53;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(const double *values, uint32_t count)
{
    double sorted[BENCH_PAIRS_MAX];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

uint64_t bench_resident(void)
{
    return wg_memory_resident();
}

uint64_t bench_resident_peak(void)
{
    return wg_memory_resident_peak();
}

void bench_resident_peak_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL)
        return; // then the peak is that of the whole process, which is no better than the truth
    fputs("5", file);
    fclose(file);
}

float *bench_vectors(uint64_t count, uint32_t dim, uint64_t seed)
{
    float *vectors = malloc(count * dim * sizeof *vectors);
    if (vectors == NULL) bench_fail("memory for vectors");
    for (uint64_t i = 0; i < count * dim; i++)
        vectors[i] = (float)bench_random(&seed);
    return vectors;
}

// ---- Folders ---------------------------------------------------------------------------------------

static int remove_each(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void bench_folder_remove(const char *path)
{
    if (nftw(path, remove_each, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) bench_fail(path);
}

static uint64_t walked_bytes; // nftw() passes no context

static int bytes_each(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)path;
    (void)kind;
    (void)at;
    walked_bytes += (uint64_t)info->st_blocks * 512;
    return 0;
}

uint64_t bench_folder_bytes(const char *path)
{
    walked_bytes = 0;
    if (nftw(path, bytes_each, 16, FTW_PHYS) != 0) bench_fail(path);
    return walked_bytes;
}

char *bench_folder(const bench_options *options, const char *label)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/bench.%ld.%s", options->dir, (long)getpid(), label);
    bench_folder_remove(path);
    if (mkdir(path, 0755) != 0) bench_fail(path);
    char *copy = strdup(path);
    if (copy == NULL) bench_fail("memory for a path");
    return copy;
}

void bench_settle(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0) bench_fail(path);
    close(fd);
}

// ---- Reports ---------------------------------------------------------------------------------------

struct bench_report {
    const bench_options *options;
    wg_buffer parameters; // members of JSON objects, as text
    wg_buffer values;
    wg_buffer measurements;
    wg_buffer figures;
    double recall; // beside the next figures; NAN = none
    double stretch;
    char name[64];
    bool missed;
};

static void text_add_list(wg_buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void text_add_list(wg_buffer *buffer, const char *format, va_list arguments)
{
    char text[1024];
    int size = vsnprintf(text, sizeof text, format, arguments);
    if (size < 0 || (size_t)size >= sizeof text || !wg_buffer_append(buffer, text, (size_t)size))
        bench_fail("a report");
}

static void text_add(wg_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void text_add(wg_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_add_list(buffer, format, arguments);
    va_end(arguments);
}

bench_report *bench_report_create(const char *name, const bench_options *options)
{
    bench_report *report = calloc(1, sizeof *report);
    if (report == NULL) bench_fail("memory for a report");
    report->options = options;
    report->recall = report->stretch = NAN;
    snprintf(report->name, sizeof report->name, "%s", name);
    wg_buffer_init(&report->parameters, NULL, WG_MEMORY_OTHER);
    wg_buffer_init(&report->values, NULL, WG_MEMORY_OTHER);
    wg_buffer_init(&report->measurements, NULL, WG_MEMORY_OTHER);
    wg_buffer_init(&report->figures, NULL, WG_MEMORY_OTHER);
    bench_parameter(report, "rows", (double)options->rows);
    bench_parameter(report, "pairs", options->pairs);
    return report;
}

static void member_add(wg_buffer *buffer, const char *key, double value)
{
    text_add(buffer, "%s\"%s\": %.10g", buffer->size > 0 ? ", " : "", key, value);
}

void bench_parameter(bench_report *report, const char *key, double value)
{
    member_add(&report->parameters, key, value);
}

void bench_parameter_text(bench_report *report, const char *key, const char *value)
{
    wg_buffer *to = &report->parameters;
    text_add(to, "%s\"%s\": \"%s\"", to->size > 0 ? ", " : "", key, value);
}

void bench_beside(bench_report *report, double recall, double stretch)
{
    report->recall = recall;
    report->stretch = stretch;
}

void bench_measurement(bench_report *report, const char *format, ...)
{
    va_list arguments;
    text_add(&report->measurements, "%s\n    {", report->measurements.size > 0 ? "," : "");
    va_start(arguments, format);
    text_add_list(&report->measurements, format, arguments);
    va_end(arguments);
    text_add(&report->measurements, "}");
}

void bench_value(bench_report *report, const char *key, double value)
{
    member_add(&report->values, key, value);
    bench_note("  %s: %.4g", key, value);
}

static void figure_begin(bench_report *report, const char *figure, const char *unit, double goal,
                         bool at_least)
{
    wg_buffer *to = &report->figures;
    text_add(to, "%s\n    {\"figure\": \"%s\", \"unit\": \"%s\", ", to->size > 0 ? "," : "", figure,
             unit);
    text_add(to, "\"goal\": \"%s %g\", ", at_least ? ">=" : "<=", goal);
    if (!isnan(report->stretch)) text_add(to, "\"stretch\": %g, ", report->stretch);
}

void bench_figure(bench_report *report, const char *figure, const char *unit, double measured,
                  double goal, bool at_least, const double *samples, uint32_t sample_count)
{
    bool pass = at_least ? measured >= goal : measured <= goal;
    const char *space = *unit != 0 ? " " : ""; // shares have none
    char recall[32] = "";
    wg_buffer *to = &report->figures;
    report->missed |= !pass;
    figure_begin(report, figure, unit, goal, at_least);
    text_add(to, "\"measured\": %.6g, \"pass\": %s, ", measured, pass ? "true" : "false");
    if (!isnan(report->recall)) {
        text_add(to, "\"recall\": %.6g, ", report->recall);
        snprintf(recall, sizeof recall, ", recall %.4f", report->recall);
    }
    text_add(to, "\"samples\": [");
    for (uint32_t i = 0; i < sample_count; i++)
        text_add(to, "%s%.6g", i > 0 ? ", " : "", samples[i]);
    text_add(to, "]}");
    printf("%s\t%s %g%s%s\t%.4g%s%s%s\t%s\n", figure, at_least ? ">=" : "<=", goal, space, unit,
           measured, space, unit, recall, pass ? "PASS" : "MISS");
    fflush(stdout);
}

void bench_figure_missing(bench_report *report, const char *figure, const char *unit, double goal,
                          bool at_least, const char *reason)
{
    report->missed = true;
    figure_begin(report, figure, unit, goal, at_least);
    text_add(&report->figures, "\"measured\": null, \"pass\": false, \"reason\": \"%s\"}", reason);
    printf("%s\t%s %g%s%s\t%s\tMISS\n", figure, at_least ? ">=" : "<=", goal, *unit != 0 ? " " : "",
           unit, reason);
    fflush(stdout);
}

static void report_write(bench_report *report, FILE *file)
{
    char machine[128];
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    wg_cpu_name(machine, sizeof machine);
    fprintf(
        file,
        "{\n  \"name\": \"%s\",\n  \"command\": \"%s --rows %llu --pairs %u --seed %llu\",\n  \"commit\": \"%s\",\n  \"machine\": \"%s, %u "
        "processors\",\n  \"date\": \"%s\",\n  \"seed\": %llu,\n",
        report->name, report->options->program, (unsigned long long)report->options->rows,
        report->options->pairs, (unsigned long long)report->options->seed, report->options->commit,
        machine, wg_cpu_count(), date, (unsigned long long)report->options->seed);
    fprintf(file, "  \"parameters\": {%.*s},\n", (int)report->parameters.size,
            (const char *)report->parameters.data);
    fprintf(file, "  \"values\": {%.*s},\n", (int)report->values.size,
            (const char *)report->values.data);
    if (report->measurements.size > 0)
        fprintf(file, "  \"measurements\": [%.*s\n  ],\n", (int)report->measurements.size,
                (const char *)report->measurements.data);
    fprintf(file, "  \"figures\": [%.*s\n  ]\n}\n", (int)report->figures.size,
            (const char *)report->figures.data);
}

int bench_report_finish(bench_report *report)
{
    if (report->options->out != NULL) {
        FILE *file = fopen(report->options->out, "w");
        if (file == NULL) bench_fail(report->options->out);
        report_write(report, file);
        if (fclose(file) != 0) bench_fail(report->options->out);
    }
    int code = report->missed ? 1 : 0;
    wg_buffer_finish(&report->parameters);
    wg_buffer_finish(&report->values);
    wg_buffer_finish(&report->measurements);
    wg_buffer_finish(&report->figures);
    free(report);
    return code;
}

// ---- A database ------------------------------------------------------------------------------------

void bench_open(const char *path, waggle_durability durability, uint32_t dim,
                waggle_database **database, waggle_collection **collection)
{
    waggle_error error;
    bench_check(waggle_open(path, waggle_open_options(.durability = durability), database, &error),
                &error, "open");
    waggle_status status = waggle_collection_open(*database, "c", collection, &error);
    if (status == WAGGLE_NOT_FOUND)
        status = waggle_collection_create_simple(*database, "c", dim, WAGGLE_L2, WAGGLE_F32,
                                                 collection, &error);
    bench_check(status, &error, "the collection");
}

void bench_upsert(waggle_collection *collection, const float *vectors, uint64_t first,
                  uint64_t count, uint32_t dim)
{
    waggle_error error;
    waggle_vectors column = {.rows = waggle_rows_f32(vectors, count, dim)};
    const waggle_points *points =
        waggle_points_of(.count = count, .id_first = first, .vectors = &column, .vector_count = 1);
    bench_check(waggle_upsert(collection, points, NULL, &error), &error, "upsert");
}
