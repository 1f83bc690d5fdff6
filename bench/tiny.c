// 100,000 collections of 3 points of 128 dimensions: what each costs in memory and on disk, when all are open, and again
// after the log has turned over: so much was written to one more collection that nothing of theirs is in the log.
//
// --rows is the number of collections. They are made without durability: creating is not what is measured.
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#define DIM 128u
#define POINTS 3u
#define TURNOVER_DIM 768u
#define TURNOVER_BATCH 1000u
#define TURNOVER_BYTES ((uint64_t)1280 << 20) // more than twice the log's limit
#define KIB 1024.0

static void collections_make(waggle_database *database, const float *rows, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        waggle_error error;
        waggle_collection *collection = NULL;
        char name[32];
        snprintf(name, sizeof name, "tiny-%llu", (unsigned long long)i);
        bench_check(waggle_collection_create_simple(database, name, DIM, WAGGLE_L2, WAGGLE_F32,
                                                    &collection, &error),
                    &error, name);
        bench_upsert(collection, rows, 0, POINTS, DIM);
        waggle_collection_close(collection);
    }
}

// Opens and searches every collection; returns the slowest search, in seconds.
static double collections_touch(waggle_database *database, const float *query, uint64_t count)
{
    double slowest = 0;
    for (uint64_t i = 0; i < count; i++) {
        waggle_error error;
        waggle_collection *collection = NULL;
        waggle_hits *hits = NULL;
        waggle_rows rows = waggle_rows_f32(query, 1, DIM);
        uint32_t found = 0;
        char name[32];
        snprintf(name, sizeof name, "tiny-%llu", (unsigned long long)i);
        double begin = bench_seconds();
        bench_check(waggle_collection_open(database, name, &collection, &error), &error, name);
        bench_check(waggle_search(collection, &rows, NULL, &hits, &error), &error, name);
        double seconds = bench_seconds() - begin;
        (void)waggle_hits_at(hits, 0, &found);
        if (found != POINTS) bench_fail("points are missing");
        if (seconds > slowest) slowest = seconds;
        waggle_hits_destroy(hits);
        waggle_collection_close(collection);
    }
    return slowest;
}

static void log_turn_over(waggle_database *database, uint64_t seed)
{
    waggle_error error;
    waggle_collection *collection = NULL;
    float *rows = bench_vectors(TURNOVER_BATCH, TURNOVER_DIM, seed);
    bench_check(waggle_collection_create_simple(database, "large", TURNOVER_DIM, WAGGLE_L2,
                                                WAGGLE_F32, &collection, &error),
                &error, "large");
    uint64_t batch_bytes = (uint64_t)TURNOVER_BATCH * TURNOVER_DIM * sizeof(float);
    for (uint64_t written = 0; written < TURNOVER_BYTES; written += batch_bytes)
        bench_upsert(collection, rows, 0, TURNOVER_BATCH, TURNOVER_DIM);
    waggle_collection_close(collection);
    bench_check(waggle_collection_drop(database, "large", &error), &error, "large");
    free(rows);
}

typedef struct costs {
    double memory; // bytes, resident, beyond those of an empty database
    double disk;   // bytes, blocks of all files
    double log;    // of these, the log's
} costs;

static costs costs_now(waggle_database *database, const char *path, double before)
{
    waggle_error error;
    waggle_statistics s = {.struct_size = sizeof s};
    bench_check(waggle_statistics_get(database, &s, &error), &error, "statistics");
    return (costs){(double)bench_resident() - before, (double)bench_folder_bytes(path),
                   (double)s.bytes_log};
}

static void costs_report(bench_report *report, const costs *c, double count, const char *when)
{
    char figure[96];
    snprintf(figure, sizeof figure, "memory per tiny collection, %s", when);
    bench_figure(report, figure, "KiB", c->memory / count / KIB, 35, false, NULL, 0);
    snprintf(figure, sizeof figure, "disk per tiny collection, %s", when);
    bench_figure(report, figure, "KiB", c->disk / count / KIB, 35, false, NULL, 0);
}

int main(int count, char **arguments)
{
    waggle_error error;
    bench_options options;
    waggle_database *database = NULL;
    bench_options_read(count, arguments, 100000, &options);
    float *rows = bench_vectors(POINTS, DIM, options.seed);
    char *path = bench_folder(&options, "tiny");
    bench_report *report = bench_report_create("tiny", &options);
    bench_parameter(report, "dim", DIM);
    bench_parameter(report, "points", POINTS);
    double collections = (double)options.rows;

    bench_check(waggle_open(path, waggle_open_options(.durability = WAGGLE_OFF), &database, &error),
                &error, "open");
    double empty = (double)bench_resident();
    double begin = bench_seconds();
    collections_make(database, rows, options.rows);
    bench_value(report, "create_per_s", collections / (bench_seconds() - begin));
    collections_touch(database, rows, options.rows);
    costs open = costs_now(database, path, empty);
    costs_report(report, &open, collections, "open");
    begin = bench_seconds();
    bench_check(waggle_close(database, &error), &error, "close");
    bench_value(report, "close_s", bench_seconds() - begin);

    begin = bench_seconds();
    bench_check(waggle_open(path, waggle_open_options(.durability = WAGGLE_OFF), &database, &error),
                &error, "open");
    bench_value(report, "open_s", bench_seconds() - begin);
    begin = bench_seconds();
    bench_value(report, "slowest_first_search_ms",
                collections_touch(database, rows, options.rows) * 1e3);
    bench_value(report, "touch_all_s", bench_seconds() - begin);

    log_turn_over(database, options.seed);
    collections_touch(database, rows, options.rows);
    costs turned = costs_now(database, path, empty);
    costs_report(report, &turned, collections, "after the log turned over");
    bench_value(report, "log_bytes_after", turned.log);
    bench_check(waggle_close(database, &error), &error, "close");
    bench_folder_remove(path);
    free(path);
    free(rows);
    return bench_report_finish(report);
}
