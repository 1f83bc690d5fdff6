// 64 clients, each upserting one 768-dimensional point after the other, durably; beside a bare group commit: 64 threads,
// of which one at a time appends what all of them wait for to a file that was allocated before, and syncs it.
//
// Twice, and both sides find the same: first a log as it is once a database has run for a while, its files allocated
// (300 MB are upserted, and sealed, before the clock starts); then a fresh database, beside a file that grows.
//
// --rows is the number of points of a run, over all clients.
#include "base/thread.h"
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define DIM 768u
#define CLIENTS 64u
#define ROW_SIZE (DIM * sizeof(float))
#define RECORD_SIZE (ROW_SIZE + 64) // a point, its id and a header
#define LOG_SIZE ((uint64_t)256 << 20)
#define LOG_STEP ((size_t)1 << 20)
#define WARM_BYTES ((uint64_t)300 << 20)
#define WARM_BATCH 1000u
#define WARM_FIRST (UINT64_C(1) << 40) // ids of their own

typedef struct run run;

typedef struct client {
    run *run;
    wg_thread thread;
    uint64_t first;
    uint64_t count;
    double *latency; // of each point
} client;

struct run {
    client clients[CLIENTS];
    const float *vectors; // one per client
    waggle_collection *collection;
    // Bare.
    wg_mutex mutex;
    wg_cond turn[2]; // clients wait for their group, as in any group commit
    int fd;
    uint64_t offset;
    uint64_t group; // being gathered
    uint64_t done;  // groups
    bool leading;
    uint32_t waiting;
    struct iovec pieces[CLIENTS];
};

// ---- The bare group commit -------------------------------------------------------------------------

static void group_write(run *r, struct iovec *pieces, uint32_t count)
{
    size_t size = count * RECORD_SIZE;
    if (r->offset + size > LOG_SIZE) r->offset = 0;
    if (pwritev(r->fd, pieces, (int)count, (off_t)r->offset) != (ssize_t)size)
        bench_fail("pwritev");
    if (fdatasync(r->fd) != 0) bench_fail("fdatasync");
    r->offset += size;
}

static void group_lead(run *r)
{
    struct iovec pieces[CLIENTS];
    uint32_t count = r->waiting;
    uint64_t group = r->group++;
    memcpy(pieces, r->pieces, count * sizeof pieces[0]);
    r->waiting = 0;
    r->leading = true;
    wg_mutex_unlock(&r->mutex);
    group_write(r, pieces, count);
    wg_mutex_lock(&r->mutex);
    r->leading = false;
    r->done = group;
    wg_cond_broadcast(&r->turn[group % 2]);
    wg_cond_signal(&r->turn[(group + 1) % 2]); // it leads the next group
}

static void bare_commit(run *r, void *record)
{
    wg_mutex_lock(&r->mutex);
    uint64_t group = r->group;
    r->pieces[r->waiting++] = (struct iovec){record, RECORD_SIZE};
    while (r->done < group) {
        if (r->leading)
            wg_cond_wait(&r->turn[group % 2], &r->mutex);
        else
            group_lead(r);
    }
    wg_mutex_unlock(&r->mutex);
}

static void bare_client(void *context)
{
    client *c = context;
    uint8_t *record = malloc(RECORD_SIZE);
    if (record == NULL) bench_fail("memory for a record");
    memset(record, 0, RECORD_SIZE);
    memcpy(record, c->run->vectors + (size_t)(c - c->run->clients) * DIM, ROW_SIZE);
    for (uint64_t i = 0; i < c->count; i++) {
        double begin = bench_seconds();
        memcpy(record + ROW_SIZE, &i, sizeof i);
        bare_commit(c->run, record);
        c->latency[i] = bench_seconds() - begin;
    }
    free(record);
}

static void ours_client(void *context)
{
    client *c = context;
    const float *vector = c->run->vectors + (size_t)(c - c->run->clients) * DIM;
    for (uint64_t i = 0; i < c->count; i++) {
        double begin = bench_seconds();
        bench_upsert(c->run->collection, vector, c->first + i, 1, DIM);
        c->latency[i] = bench_seconds() - begin;
    }
}

// ---- Runs ------------------------------------------------------------------------------------------

static double clients_run(run *r, const char *name, void (*client_run)(void *context))
{
    double begin = bench_seconds();
    for (uint32_t i = 0; i < CLIENTS; i++) {
        waggle_error error;
        bench_check(
            wg_thread_start(&r->clients[i].thread, name, client_run, &r->clients[i], &error),
            &error, "a client");
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        wg_thread_join(&r->clients[i].thread);
    return bench_seconds() - begin;
}

static void allocate(int fd, const char *path)
{
    char *zeros = calloc(1, LOG_STEP);
    if (zeros == NULL) bench_fail("memory for zeros");
    for (uint64_t at = 0; at < LOG_SIZE; at += LOG_STEP)
        if (pwrite(fd, zeros, LOG_STEP, (off_t)at) != (ssize_t)LOG_STEP) bench_fail(path);
    free(zeros);
    if (fsync(fd) != 0) bench_fail(path);
}

static double bare_run(const bench_options *options, run *r, bool fresh)
{
    char *folder = bench_folder(options, "bare");
    char path[4096];
    snprintf(path, sizeof path, "%s/log", folder);
    r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (r->fd < 0) bench_fail(path);
    if (!fresh) allocate(r->fd, path);
    r->offset = 0;
    r->group = 1;
    r->done = 0;
    bench_settle(folder);
    double seconds = clients_run(r, "bare-client", bare_client);
    close(r->fd);
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

static uint64_t syncs_now(waggle_database *database)
{
    waggle_error error;
    waggle_statistics statistics = {.struct_size = sizeof statistics};
    bench_check(waggle_statistics_get(database, &statistics, &error), &error, "statistics");
    return statistics.log_syncs;
}

static void warm_up(waggle_collection *collection, const bench_options *options)
{
    waggle_error error;
    float *rows = bench_vectors(WARM_BATCH, DIM, options->seed + 1);
    for (uint64_t row = 0; row * ROW_SIZE < WARM_BYTES; row += WARM_BATCH)
        bench_upsert(collection, rows, WARM_FIRST + row, WARM_BATCH, DIM);
    bench_check(waggle_compact(collection, &error), &error, "compact");
    free(rows);
}

static double ours_run(const bench_options *options, run *r, bool fresh)
{
    waggle_error error;
    waggle_database *database = NULL;
    char *folder = bench_folder(options, "ours");
    bench_open(folder, WAGGLE_SYNC, DIM, &database, &r->collection);
    if (!fresh) warm_up(r->collection, options);
    bench_settle(folder);
    uint64_t syncs = syncs_now(database);
    double seconds = clients_run(r, "client", ours_client);
    syncs = syncs_now(database) - syncs;
    bench_note("  %.1f points per sync", (double)options->rows / (double)syncs);
    waggle_collection_close(r->collection);
    bench_check(waggle_close(database, &error), &error, "close");
    bench_folder_remove(folder);
    free(folder);
    return seconds;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

// One of the two comparisons.
typedef struct setting {
    const char *name; // of the keys
    const char *figure;
    bool fresh;
} setting;

static void clients_begin(run *r, uint64_t each, double *latency)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        r->clients[i] =
            (client){.run = r, .first = i * each, .count = each, .latency = latency + i * each};
}

static void value(bench_report *report, const setting *s, const char *key, double figure)
{
    char full[96];
    snprintf(full, sizeof full, "%s_%s", s->name, key);
    bench_value(report, full, figure);
}

static void latencies(bench_report *report, const setting *s, const char *who, double *latency,
                      uint64_t count)
{
    char key[64];
    qsort(latency, count, sizeof *latency, by_value);
    snprintf(key, sizeof key, "%s_p50_ms", who);
    value(report, s, key, latency[count / 2] * 1e3);
    snprintf(key, sizeof key, "%s_p99_ms", who);
    value(report, s, key, latency[count - 1 - count / 100] * 1e3);
}

static void compare(const bench_options *options, bench_report *report, run *r, const setting *s)
{
    double *latency = malloc(options->rows * sizeof *latency);
    double *bare_latency = malloc(options->rows * sizeof *bare_latency);
    if (latency == NULL || bare_latency == NULL) bench_fail("memory for latencies");
    double ratio[BENCH_PAIRS_MAX], ours[BENCH_PAIRS_MAX], bare[BENCH_PAIRS_MAX];
    double rows = (double)options->rows;
    for (uint32_t pair = 0; pair < options->pairs; pair++) {
        clients_begin(r, options->rows / CLIENTS, latency);
        ours[pair] = ours_run(options, r, s->fresh);
        clients_begin(r, options->rows / CLIENTS, bare_latency);
        bare[pair] = bare_run(options, r, s->fresh);
        ratio[pair] = bare[pair] / ours[pair];
        bench_note("%s %u: ours %.0f/s, bare %.0f/s, ratio %.3f", s->name, pair + 1,
                   rows / ours[pair], rows / bare[pair], ratio[pair]);
    }
    bench_figure(report, s->figure, "of bare", bench_median(ratio, options->pairs), 0.5, true,
                 ratio, options->pairs);
    value(report, s, "upserts_per_s", rows / bench_median(ours, options->pairs));
    value(report, s, "bare_per_s", rows / bench_median(bare, options->pairs));
    latencies(report, s, "upsert", latency, options->rows);
    latencies(report, s, "bare", bare_latency, options->rows);
    free(latency);
    free(bare_latency);
}

int main(int count, char **arguments)
{
    static const setting settings[] = {
        {"allocated", "64 clients of single durable upserts, of a bare group commit",           false},
        {"fresh",     "the same on a fresh database, of a bare group commit to a growing file", true }
    };
    static run r;
    bench_options options;
    bench_options_read(count, arguments, 64000, &options);
    options.rows = (options.rows + CLIENTS - 1) / CLIENTS * CLIENTS;
    float *vectors = bench_vectors(CLIENTS, DIM, options.seed);
    r.vectors = vectors;
    wg_mutex_init(&r.mutex);
    wg_cond_init(&r.turn[0]);
    wg_cond_init(&r.turn[1]);
    bench_report *report = bench_report_create("commit", &options);
    bench_parameter(report, "dim", DIM);
    bench_parameter(report, "clients", CLIENTS);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        compare(&options, report, &r, &settings[i]);
    free(vectors);
    return bench_report_finish(report);
}
