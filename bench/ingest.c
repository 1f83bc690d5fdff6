// Writing 768-dimensional vectors durably, beside loops that do only what cannot be avoided.
//
//   log    upserts of 1,000 points, each acknowledged when it is on disk, up to and with the closing of the database;
//          beside a run that writes the same vectors once to a log that was allocated before (write and fdatasync per
//          batch) and once to files of 256 MiB (fdatasync each).
//   bulk   the same by waggle_import_*; beside the same vectors written once to files of 256 MiB, fdatasync each.
//
// --only log | bulk
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIM 768u
#define BATCH 1000u
#define ROW_SIZE (DIM * sizeof(float))
#define POOL_ROWS 32000u // 98 MB of vectors, used in turn
#define FILE_SIZE ((uint64_t)256 << 20)
#define LOG_SIZE ((uint64_t)512 << 20) // what the log of a database may keep; written in turn
#define LOG_STEP ((size_t)1 << 20)

static const float *pool_at(const float *pool, uint64_t row)
{
    return pool + row % POOL_ROWS * DIM;
}

// ---- The bare loops --------------------------------------------------------------------------------

static int file_new(const char *folder, unsigned number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%u", folder, number);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) bench_fail(path);
    return fd;
}

static void put(int fd, const void *data, size_t size, uint64_t offset)
{
    if (pwrite(fd, data, size, (off_t)offset) != (ssize_t)size) bench_fail("pwrite");
}

static void sync_file(int fd)
{
    if (fdatasync(fd) != 0) bench_fail("fdatasync");
}

static int log_prepare(const char *folder)
{
    int fd = file_new(folder, 0);
    char *zeros = calloc(1, LOG_STEP);
    for (uint64_t at = 0; zeros != NULL && at < LOG_SIZE; at += LOG_STEP)
        put(fd, zeros, LOG_STEP, at);
    free(zeros);
    if (fsync(fd) != 0) bench_fail("fsync");
    return fd;
}

typedef struct bare_files {
    const char *folder;
    int fd;
    unsigned number;
    uint64_t size;
} bare_files;

static void files_end(bare_files *files)
{
    if (files->fd < 0) return;
    sync_file(files->fd);
    close(files->fd);
    files->fd = -1;
}

static void files_put(bare_files *files, const void *data, size_t size)
{
    if (files->fd >= 0 && files->size + size > FILE_SIZE) files_end(files);
    if (files->fd < 0) {
        files->fd = file_new(files->folder, ++files->number);
        files->size = 0;
    }
    put(files->fd, data, size, files->size);
    files->size += size;
}

// Batches to a synced log, and the same bytes to files when they fill one: what an engine with a log must do.
static double bare_log(const bench_options *options, const float *pool)
{
    char *folder = bench_folder(options, "bare");
    bare_files files = {.folder = folder, .fd = -1};
    int log = log_prepare(folder);
    uint64_t pending = 0; // first row that is not in files
    uint64_t offset = 0;
    bench_settle(folder);
    double begin = bench_seconds();
    for (uint64_t row = 0; row < options->rows; row += BATCH) {
        if (offset + BATCH * ROW_SIZE > LOG_SIZE) offset = 0;
        put(log, pool_at(pool, row), BATCH * ROW_SIZE, offset);
        sync_file(log);
        offset += BATCH * ROW_SIZE;
        bool last = row + BATCH >= options->rows;
        if (!last && (row + BATCH - pending) * ROW_SIZE < FILE_SIZE) continue;
        for (; pending < row + BATCH; pending += BATCH)
            files_put(&files, pool_at(pool, pending), BATCH * ROW_SIZE);
        files_end(&files);
    }
    double seconds = bench_seconds() - begin;
    close(log);
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

static double bare_bulk(const bench_options *options, const float *pool)
{
    char *folder = bench_folder(options, "bare");
    bare_files files = {.folder = folder, .fd = -1};
    bench_settle(folder);
    double begin = bench_seconds();
    for (uint64_t row = 0; row < options->rows; row += BATCH)
        files_put(&files, pool_at(pool, row), BATCH * ROW_SIZE);
    files_end(&files);
    double seconds = bench_seconds() - begin;
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

// ---- Ours ------------------------------------------------------------------------------------------

static double ours_log(const bench_options *options, const float *pool, double *acknowledged)
{
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    char *folder = bench_folder(options, "ours");
    bench_open(folder, WAGGLE_SYNC, DIM, &database, &collection);
    bench_settle(folder);
    double begin = bench_seconds();
    for (uint64_t row = 0; row < options->rows; row += BATCH)
        bench_upsert(collection, pool_at(pool, row), row, BATCH, DIM);
    *acknowledged = bench_seconds() - begin;
    waggle_collection_close(collection);
    bench_check(waggle_close(database, &error), &error, "close");
    double seconds = bench_seconds() - begin;
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

static double ours_bulk(const bench_options *options, const float *pool)
{
    waggle_error error;
    waggle_database *database = NULL;
    waggle_collection *collection = NULL;
    waggle_import *import = NULL;
    char *folder = bench_folder(options, "ours");
    bench_open(folder, WAGGLE_SYNC, DIM, &database, &collection);
    bench_settle(folder);
    double begin = bench_seconds();
    bench_check(waggle_import_open(collection, &import, &error), &error, "import");
    for (uint64_t row = 0; row < options->rows; row += BATCH) {
        waggle_vectors column = {.rows = waggle_rows_f32(pool_at(pool, row), BATCH, DIM)};
        const waggle_points *points = waggle_points_of(.count = BATCH, .id_first = row,
                                                       .vectors = &column, .vector_count = 1);
        bench_check(waggle_import_add(import, points, &error), &error, "import");
    }
    bench_check(waggle_import_commit(import, &error), &error, "import");
    double seconds = bench_seconds() - begin;
    waggle_import_close(import);
    waggle_collection_close(collection);
    bench_check(waggle_close(database, &error), &error, "close");
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

// ---- Pairs -----------------------------------------------------------------------------------------

typedef struct pairs {
    double ratio[BENCH_PAIRS_MAX]; // of rates: the bare time by ours
    double ours[BENCH_PAIRS_MAX];
    double bare[BENCH_PAIRS_MAX];
} pairs;

static void pair_add(pairs *p, uint32_t i, const char *what, double ours, double bare)
{
    p->ours[i] = ours;
    p->bare[i] = bare;
    p->ratio[i] = bare / ours;
    bench_note("%s %u: ours %.2f s, bare %.2f s, ratio %.3f", what, i + 1, ours, bare, bare / ours);
}

static void run_log(const bench_options *options, const float *pool, bench_report *report)
{
    pairs p;
    double acknowledged[BENCH_PAIRS_MAX];
    for (uint32_t i = 0; i < options->pairs; i++) {
        double ours = ours_log(options, pool, &acknowledged[i]);
        pair_add(&p, i, "log", ours, bare_log(options, pool));
    }
    double bytes = (double)options->rows * ROW_SIZE;
    bench_figure(report, "durable import through the log, of the bare run", "of bare",
                 bench_median(p.ratio, options->pairs), 0.8, true, p.ratio, options->pairs);
    bench_value(report, "log_mb_per_s", bytes / bench_median(p.ours, options->pairs) * 1e-6);
    bench_value(report, "log_mb_per_s_until_acknowledged",
                bytes / bench_median(acknowledged, options->pairs) * 1e-6);
    bench_value(report, "log_bare_mb_per_s", bytes / bench_median(p.bare, options->pairs) * 1e-6);
}

static void run_bulk(const bench_options *options, const float *pool, bench_report *report)
{
    pairs p;
    for (uint32_t i = 0; i < options->pairs; i++) {
        double ours = ours_bulk(options, pool);
        pair_add(&p, i, "bulk", ours, bare_bulk(options, pool));
    }
    double bytes = (double)options->rows * ROW_SIZE;
    bench_figure(report, "bulk import, of the sequential synced write rate", "of bare",
                 bench_median(p.ratio, options->pairs), 0.8, true, p.ratio, options->pairs);
    bench_value(report, "bulk_mb_per_s", bytes / bench_median(p.ours, options->pairs) * 1e-6);
    bench_value(report, "bulk_bare_mb_per_s", bytes / bench_median(p.bare, options->pairs) * 1e-6);
}

int main(int count, char **arguments)
{
    bench_options options;
    bench_options_read(count, arguments, 500000, &options);
    options.rows = (options.rows + BATCH - 1) / BATCH * BATCH;
    float *pool = bench_vectors(POOL_ROWS, DIM, options.seed);
    bench_report *report = bench_report_create("ingest", &options);
    bench_parameter(report, "dim", DIM);
    bench_parameter(report, "batch", BATCH);
    if (bench_wanted(&options, "log")) run_log(&options, pool, report);
    if (bench_wanted(&options, "bulk")) run_bulk(&options, pool, report);
    free(pool);
    return bench_report_finish(report);
}
