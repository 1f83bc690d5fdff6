// Opening a database of 1,000,000 x 128 f32: after a clean close, and after kill -9 with 250 MB in the log that no segment
// holds yet; and the memory that opening takes, beside that of the process that was killed.
//
// Each opening happens in a process of its own, which reports through a pipe.
#include "support.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIM 128u
#define BATCH 10000u
#define LOG_BYTES UINT64_C(250000000)
#define HEAD_SIZE ((uint64_t)512 << 20)
#define ROW_SIZE (DIM * sizeof(float))
#define MIB 1048576.0

typedef struct opening {
    double open_s;
    double first_search_s; // of one query, the opening not counted
    double peak;           // bytes while opening
    double running;        // bytes once opened and searched
    double points;
} opening;

static void write_all(int fd, const void *data, size_t size)
{
    if (write(fd, data, size) != (ssize_t)size) bench_fail("pipe");
}

// Runs part in a child, and receives size bytes of it.
static pid_t child_start(void (*part)(int fd, const char *path, const bench_options *options),
                         const char *path, const bench_options *options, void *result, size_t size)
{
    int ends[2];
    if (pipe(ends) != 0) bench_fail("pipe");
    pid_t child = fork();
    if (child < 0) bench_fail("fork");
    if (child == 0) {
        close(ends[0]);
        part(ends[1], path, options);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], result, size) != (ssize_t)size) bench_fail("a child ended early");
    close(ends[0]);
    return child;
}

static void child_end(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child) bench_fail("waitpid");
}

// ---- What happens before ---------------------------------------------------------------------------

static void import_rows(const char *path, const bench_options *options)
{
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    waggle_import *import = NULL;
    float *rows = bench_vectors(BATCH, DIM, options->seed);
    bench_open(path, WAGGLE_SYNC, DIM, &database, &collection);
    bench_check(waggle_import_open(collection, &import, &error), &error, "import");
    for (uint64_t row = 0; row < options->rows; row += BATCH) {
        waggle_vectors column = {.rows = waggle_rows_f32(rows, BATCH, DIM)};
        const waggle_points *points = waggle_points_of(.count = BATCH, .id_first = row,
                                                       .vectors = &column, .vector_count = 1);
        bench_check(waggle_import_add(import, points, &error), &error, "import");
    }
    bench_check(waggle_import_commit(import, &error), &error, "import");
    waggle_import_close(import);
    waggle_collection_close(collection);
    bench_check(waggle_close(database, &error), &error, "close");
    free(rows);
}

// Seals what is there, fills the log with 250 MB, tells its memory, and waits to be killed. Its head may be larger than
// others', so that none of these rows is sealed; the opening has default options.
static void fill_log(int fd, const char *path, const bench_options *options)
{
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    uint64_t points = 0;
    float *rows = bench_vectors(BATCH, DIM, options->seed);
    waggle_error error;
    const waggle_open_options *larger = waggle_open_options(.head_size_max = HEAD_SIZE);
    bench_check(waggle_open(path, larger, &database, &error), &error, "open");
    bench_check(waggle_collection_open(database, "c", &collection, &error), &error, "collection");
    bench_check(waggle_count(collection, &points, &error), &error, "count");
    bench_check(waggle_compact(collection, &error), &error, "compact");
    for (uint64_t row = 0; row * ROW_SIZE < LOG_BYTES; row += BATCH)
        bench_upsert(collection, rows, points + row, BATCH, DIM);
    free(rows);
    double running = (double)bench_resident();
    write_all(fd, &running, sizeof running);
    for (;;)
        pause();
}

// ---- What is measured ------------------------------------------------------------------------------

static void open_once(int fd, const char *path, const bench_options *options)
{
    opening result = {0};
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    waggle_hits *hits = NULL;
    uint64_t points = 0;
    float *query = bench_vectors(1, DIM, options->seed + 1);
    bench_resident_peak_reset();
    double begin = bench_seconds();
    bench_check(waggle_open(path, waggle_open_options(.must_exist = true), &database, &error),
                &error, "open");
    bench_check(waggle_collection_open(database, "c", &collection, &error), &error, "collection");
    bench_check(waggle_count(collection, &points, &error), &error, "count");
    result.open_s = bench_seconds() - begin;
    result.peak = (double)bench_resident_peak();
    result.points = (double)points;
    waggle_rows rows = waggle_rows_f32(query, 1, DIM);
    bench_check(waggle_search(collection, &rows, NULL, &hits, &error), &error, "search");
    result.first_search_s = bench_seconds() - begin - result.open_s;
    result.running = (double)bench_resident();
    waggle_hits_destroy(hits);
    write_all(fd, &result, sizeof result);
    // Killed, not closed: the log stays as it is for the next one.
    raise(SIGKILL);
}

static void clean_open(const char *path, const bench_options *options, bench_report *report)
{
    double seconds[BENCH_PAIRS_MAX];
    opening result = {0};
    for (uint32_t i = 0; i < options->pairs; i++) {
        child_end(child_start(open_once, path, options, &result, sizeof result));
        seconds[i] = result.open_s * 1e3;
        bench_note("clean open %u: %.2f ms, %.0f points, first search %.0f ms", i + 1, seconds[i],
                   result.points, result.first_search_s * 1e3);
        if ((uint64_t)result.points < options->rows) bench_fail("points are missing");
    }
    bench_figure(report, "open after a clean close", "ms", bench_median(seconds, options->pairs),
                 50, false, seconds, options->pairs);
}

static void killed_open(const char *path, const bench_options *options, bench_report *report)
{
    double seconds[BENCH_PAIRS_MAX], peaks[BENCH_PAIRS_MAX];
    for (uint32_t i = 0; i < options->pairs; i++) {
        opening result = {0};
        double running = 0;
        pid_t child = child_start(fill_log, path, options, &running, sizeof running);
        if (kill(child, SIGKILL) != 0) bench_fail("kill");
        child_end(child);
        child_end(child_start(open_once, path, options, &result, sizeof result));
        seconds[i] = result.open_s;
        peaks[i] = (result.peak - running) / MIB;
        bench_note(
            "open after kill %u: %.2f s, %.0f points, peak %.0f MiB, the killed process had %.0f "
            "MiB",
            i + 1, seconds[i], result.points, result.peak / MIB, running / MIB);
        uint64_t logged = (LOG_BYTES / ROW_SIZE + BATCH - 1) / BATCH * BATCH;
        if ((uint64_t)result.points < options->rows + (i + 1) * logged)
            bench_fail("points are missing");
    }
    bench_figure(report, "open after kill -9 with 250 MB of log", "s",
                 bench_median(seconds, options->pairs), 2, false, seconds, options->pairs);
    bench_figure(report, "peak memory at open, beyond running", "MiB",
                 bench_median(peaks, options->pairs), 64, false, peaks, options->pairs);
}

int main(int count, char **arguments)
{
    bench_options options;
    bench_options_read(count, arguments, 1000000, &options);
    options.rows = (options.rows + BATCH - 1) / BATCH * BATCH;
    char *path = bench_folder(&options, "open");
    bench_report *report = bench_report_create("opening", &options);
    bench_parameter(report, "dim", DIM);
    bench_parameter(report, "log_bytes", (double)LOG_BYTES);
    import_rows(path, &options);
    clean_open(path, &options, report);
    killed_open(path, &options, report);
    bench_folder_remove(path);
    free(path);
    return bench_report_finish(report);
}
