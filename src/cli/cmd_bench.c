// bench: queries per second, latency, recall, and how near the scan comes to the memory's bandwidth.
//
// For every batch size, the rows of the query file are searched in batches, round after round, until each was
// searched once and the run is long enough; a call before it warms up. The bandwidth is probed between the
// searches of the same run, with as many threads, over a buffer as large as what one search scans (at most a
// quarter of the free memory): its median is what gb_per_s is compared with.
//
// A scan that is chosen by measured cost (auto) takes another way now and then to see whether it has become better; bytes
// and gb_per_s are of the last search.
//
// For a plot the peak of the arithmetic is probed in the same places. A component of a row and a query is two operations.
#include "base/bandwidth.h"
#include "base/peaks.h"
#include "base/system.h"
#include "cli/database.h"
#include "cli/file_writer.h"
#include "cli/readers/reader.h"
#include "cli/roofline.h"
#include "cli/values.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MAX 16u
#define BATCH_SIZE_MAX 100000u
#define QUERIES_MAX 100000u
#define RUN_NS UINT64_C(2000000000) // a run is at least this long
#define CALLS_MIN 20u               // and has at least this many searches
#define CALLS_MAX 100000u
#define PROBES 7u       // of the bandwidth in a run; spread over it
#define PROBE_PASSES 8u // of a probe; the fastest counts
#define BUFFER_MIN ((size_t)1 << 20)

static_assert(BATCHES_MAX <= CLI_ROOFLINE_POINTS_MAX, "every batch is a point of the plot");

typedef struct bench {
    cli_context *cli;
    cli_session session;
    const waggle_vector_spec *spec;
    uint32_t k;
    uint32_t threads;
    waggle_convert convert;
    waggle_scan scan;
    waggle_type type; // of the queries
    wg_buffer queries;
    uint64_t query_count;
    size_t query_size;
    cli_integers truth;
    bool has_truth;
    wg_buffer times; // of the calls of a run, in microseconds
    uint64_t right;  // hits of a run that are in the truth
    uint64_t hits_asked;
    double rates[PROBES];
    double peaks[PROBES]; // of the arithmetic, if there is a plot
    uint32_t probed;
    cli_file_writer file; // the plot
    bool has_plot;
    bool has_peak; // there is a probe for the type of the collection
    wg_peak peak;
    cli_roofline plot;
    double roofs[BATCHES_MAX]; // the bandwidth and the peak beside each point
    double peak_roofs[BATCHES_MAX];
} bench;

typedef struct result {
    const char *device;
    const char *index;
    bool exact;
    waggle_scan scan; // of the last search
    uint32_t batch;
    double recall; // NAN = no truth
    double qps;
    double p50_us;
    double p95_us;
    double p99_us;
    uint64_t bytes_scanned; // by one search
    uint64_t rows_scanned;
    double gb_per_s;
    double bandwidth_share;
} result;

// ---- Input -------------------------------------------------------------------------------------

static waggle_status read_queries(bench *b, const char *path, waggle_error *error)
{
    cli_reader *reader = NULL;
    const cli_batch *batch = NULL;
    const cli_reader_options options = {.dim = b->spec->dim};
    waggle_status status = cli_reader_open(path, &options, &reader, error);

    while (status == WAGGLE_OK && b->query_count < QUERIES_MAX) {
        status = cli_reader_next(reader, &batch, error);
        if (status != WAGGLE_OK || batch->count == 0) break;
        const waggle_rows *rows = &batch->vectors[0].rows;
        size_t stride =
            rows->stride != 0 ? rows->stride : waggle_vector_size(rows->type, rows->dim);
        b->type = rows->type;
        b->query_size = waggle_vector_size(rows->type, rows->dim);
        for (uint64_t i = 0; i < rows->count && status == WAGGLE_OK; i++) {
            const uint8_t *row = (const uint8_t *)rows->data + i * stride;
            if (!wg_buffer_append(&b->queries, row, b->query_size)) {
                status = wg_fail_memory(error, b->queries.size, "the queries");
            }
        }
        b->query_count += rows->count;
    }
    cli_reader_close(reader);
    if (status == WAGGLE_OK && b->query_count == 0) {
        status = wg_fail(error, WAGGLE_INVALID, "%s has no rows", path);
    }
    return status;
}

static waggle_status read_truth(bench *b, const char *path, waggle_error *error)
{
    waggle_status status = cli_integers_read(path, &b->truth, error);

    if (status != WAGGLE_OK) return status;
    b->has_truth = true;
    if (b->truth.count < b->query_count) {
        return wg_fail(error, WAGGLE_INVALID,
                       "%s has %" PRIu64 " rows; there are %" PRIu64 " queries", path,
                       b->truth.count, b->query_count);
    }
    if (b->truth.width < b->k) {
        return wg_fail(error, WAGGLE_INVALID, "%s has %u neighbors per query; -k is %u", path,
                       b->truth.width, b->k);
    }
    return WAGGLE_OK;
}

// "1,100,1000"
static waggle_status read_batches(cli_context *cli, uint32_t *batches, uint32_t *count,
                                  waggle_error *error)
{
    const char *text = cli_value(&cli->args, "batch");
    char word[32];

    text = text == NULL ? "1,100,1000" : text;
    for (*count = 0;; ++*count) {
        size_t size = strcspn(text, ",");
        uint64_t number = 0;
        if (*count == BATCHES_MAX) {
            return cli_usage(cli, error, "--batch has more than %u numbers", BATCHES_MAX);
        }
        size_t kept = WG_MIN(size, sizeof(word) - 1);
        memcpy(word, text, kept);
        word[kept] = '\0';
        waggle_status status = cli_number_parse(word, "--batch", 1, BATCH_SIZE_MAX, &number, error);
        if (status != WAGGLE_OK) return cli_is_usage(cli, status);
        batches[*count] = (uint32_t)number;
        if (text[size] == '\0') break;
        text += size + 1;
    }
    ++*count;
    return WAGGLE_OK;
}

// ---- A run -------------------------------------------------------------------------------------

// Hits whose id is among the first k of the truth. The query file goes round, so query q is row q % count.
static void count_right(bench *b, const waggle_hits *hits, uint64_t first)
{
    for (uint64_t q = 0; q < waggle_hits_queries(hits); q++) {
        uint32_t count = 0;
        const waggle_hit *list = waggle_hits_at(hits, q, &count);
        const int64_t *truth =
            b->truth.values + (first + q) % b->query_count * (uint64_t)b->truth.width;
        for (uint32_t i = 0; i < count; i++) {
            bool right = false;
            for (uint32_t j = 0; j < b->k && !right; j++) {
                right = list[i].id.kind == WAGGLE_ID_NUMBER && truth[j] >= 0 &&
                        list[i].id.value.number == (uint64_t)truth[j];
            }
            b->right += right;
        }
        b->hits_asked += b->k;
    }
}

// The batch of queries that begins with query first; past the file's end it goes on at its start.
static const void *batch_at(const bench *b, uint64_t first, uint32_t batch, wg_buffer *wrapped)
{
    uint64_t row = first % b->query_count;

    if (row + batch <= b->query_count) return b->queries.data + row * b->query_size;
    wrapped->size = 0;
    for (uint32_t i = 0; i < batch; i++) {
        const uint8_t *query = b->queries.data + (row + i) % b->query_count * b->query_size;
        if (!wg_buffer_append(wrapped, query, b->query_size)) return NULL;
    }
    return wrapped->data;
}

// One timed search.
static waggle_status search_once(bench *b, uint64_t first, uint32_t batch, wg_buffer *wrapped,
                                 result *r, waggle_error *error)
{
    waggle_hits *hits = NULL;
    const void *data = batch_at(b, first, batch, wrapped);

    if (data == NULL) return wg_fail_memory(error, wrapped->size, "a batch of queries");
    waggle_rows rows = waggle_rows_of(b->type, data, batch, b->spec->dim);
    uint64_t from = wg_now_ns();
    waggle_status status =
        waggle_search(b->session.collection, &rows,
                      waggle_search_options(.k = b->k, .vector = b->spec->name,
                                            .convert = b->convert, .scan = b->scan),
                      &hits, error);
    double us = (double)(wg_now_ns() - from) / 1e3;
    if (status != WAGGLE_OK) return status;
    if (!wg_buffer_append(&b->times, &us, sizeof(us))) {
        status = wg_fail_memory(error, b->times.size, "the times");
    }
    const waggle_search_info *info = waggle_hits_info(hits);
    r->device = b->session.info->device;
    r->index = b->session.info->index;
    r->exact = info->exact;
    r->scan = info->scan;
    r->bytes_scanned = info->bytes_scanned;
    r->rows_scanned = info->rows_scanned;
    if (b->has_truth && first < b->query_count) count_right(b, hits, first);
    waggle_hits_destroy(hits);
    return status;
}

static double sum_times(const bench *b)
{
    const double *times = (const double *)(const void *)b->times.data;
    double sum = 0;

    for (size_t i = 0; i < b->times.size / sizeof(*times); i++) {
        sum += times[i];
    }
    return sum;
}

static void conclude(bench *b, uint32_t batch, result *r)
{
    double *times = (double *)(void *)b->times.data;
    size_t calls = b->times.size / sizeof(*times);
    double seconds = sum_times(b) / 1e6;
    double bandwidth = wg_quantile(b->rates, b->probed, 0.5);

    r->batch = batch;
    r->recall = b->hits_asked == 0 ? NAN : (double)b->right / (double)b->hits_asked;
    r->qps = (double)calls * batch / seconds;
    r->p50_us = wg_quantile(times, calls, 0.50);
    r->p95_us = wg_quantile(times, calls, 0.95);
    r->p99_us = wg_quantile(times, calls, 0.99);
    // Of the median call: a call that the system interrupted says nothing about the scan.
    r->gb_per_s = (double)r->bytes_scanned / r->p50_us / 1e3;
    r->bandwidth_share = bandwidth > 0 ? r->gb_per_s * 1e9 / bandwidth : NAN;
}

static waggle_status open_probe(const bench *b, const result *r, wg_bandwidth *bandwidth,
                                waggle_error *error)
{
    uint64_t size = WG_MAX(r->bytes_scanned, BUFFER_MIN);

    size = WG_MIN(size, wg_memory_available() / 4);
    return wg_bandwidth_open(bandwidth, (size_t)size, b->threads, error);
}

// Searches come back to back and find in the caches what the ones before left there. So does the probe: of several
// passes the fastest counts, which has its buffer where the searches have the rows.
static waggle_status probe(bench *b, wg_bandwidth *bandwidth, waggle_error *error)
{
    double *best = &b->rates[b->probed];
    double *peak = &b->peaks[b->probed++];
    waggle_status status = WAGGLE_OK;

    *best = *peak = 0;
    if (b->has_plot && b->has_peak) status = wg_peak_measure(b->peak, b->threads, peak, error);
    for (uint32_t i = 0; i < PROBE_PASSES && status == WAGGLE_OK; i++) {
        double rate = 0;
        status = wg_bandwidth_pass(bandwidth, &rate, error);
        *best = WG_MAX(*best, rate);
    }
    return status;
}

static waggle_status run_batch(bench *b, uint32_t batch, result *r, waggle_error *error)
{
    wg_bandwidth bandwidth = {0};
    wg_buffer wrapped;
    uint64_t queries = 0, calls = 0, spent = 0;

    wg_buffer_init(&wrapped, NULL, WG_MEMORY_SCRATCH);
    waggle_status status = search_once(b, b->query_count, batch, &wrapped, r, error); // warms up
    if (status == WAGGLE_OK) status = open_probe(b, r, &bandwidth, error);
    b->times.size = 0;
    b->right = b->hits_asked = 0;
    b->probed = 0;
    while (status == WAGGLE_OK && calls < CALLS_MAX) {
        bool enough = queries >= b->query_count && spent >= RUN_NS && calls >= CALLS_MIN;
        if (enough && b->probed == PROBES) break;
        // Probes come evenly through the run, so that both see the same machine.
        if (b->probed < PROBES && (enough || spent >= RUN_NS / PROBES * b->probed)) {
            status = probe(b, &bandwidth, error);
            if (enough) continue;
        }
        uint64_t from = wg_now_ns();
        if (status == WAGGLE_OK) status = search_once(b, queries, batch, &wrapped, r, error);
        spent += wg_now_ns() - from;
        queries += batch;
        calls++;
        if (status == WAGGLE_OK && wg_interrupted()) {
            status = wg_fail(error, WAGGLE_CANCELED, "interrupted");
        }
    }
    if (status == WAGGLE_OK) conclude(b, batch, r);
    wg_bandwidth_close(&bandwidth);
    wg_buffer_finish(&wrapped);
    return status;
}

// ---- The plot ----------------------------------------------------------------------------------

// Which arithmetic limits a collection of this type; false = none that is probed.
static bool peak_of(waggle_type type, wg_peak *peak)
{
    if (type == WAGGLE_B1) return false;
    *peak = type == WAGGLE_U8 || type == WAGGLE_I8 ? WG_PEAK_BYTES : WG_PEAK_F32;
    return wg_peak_name(*peak) != NULL;
}

// The file is made before anything is measured, so that a name that is taken does not cost a run.
static waggle_status plot_begin(bench *b, const char *path, waggle_error *error)
{
    b->has_peak = peak_of(b->spec->type, &b->peak);
    b->plot.unit =
        b->spec->type == WAGGLE_U8 || b->spec->type == WAGGLE_I8 || b->spec->type == WAGGLE_B1
            ? "OP"
            : "FLOP";
    b->has_plot = true;
    return cli_file_create(&b->file, path, error);
}

static void plot_add(bench *b, const result *r)
{
    uint32_t at = b->plot.count++;
    cli_roofline_point *point = &b->plot.points[at];
    double operations = 2.0 * b->spec->dim * (double)r->rows_scanned * r->batch;

    snprintf(point->label, sizeof(point->label), "batch %" PRIu32, r->batch);
    point->intensity = r->bytes_scanned > 0 ? operations / (double)r->bytes_scanned : 0;
    point->operations = operations / r->p50_us * 1e6;
    b->roofs[at] = wg_quantile(b->rates, b->probed, 0.5);
    b->peak_roofs[at] = wg_quantile(b->peaks, b->probed, 0.5);
}

static waggle_status plot_write(bench *b, waggle_error *error)
{
    char title[WAGGLE_NAME_SIZE_MAX + 64], subtitle[256], cpu[128];
    wg_buffer svg;

    wg_cpu_name(cpu, sizeof(cpu));
    snprintf(title, sizeof(title), "%s: %" PRIu64 " x %" PRIu32 " %s", b->session.info->name,
             b->session.info->points, b->spec->dim, waggle_type_name(b->spec->type));
    snprintf(subtitle, sizeof(subtitle), "exact search, k = %" PRIu32 ", %" PRIu32 " thread%s, %s",
             b->k, b->threads, b->threads == 1 ? "" : "s", cpu);
    b->plot.title = title;
    b->plot.subtitle = subtitle;
    b->plot.bandwidth = wg_quantile(b->roofs, b->plot.count, 0.5);
    b->plot.peak = wg_quantile(b->peak_roofs, b->plot.count, 0.5);
    wg_buffer_init(&svg, NULL, WG_MEMORY_SCRATCH);
    waggle_status status = cli_roofline_write(&b->plot, &svg, error);
    if (status == WAGGLE_OK) status = cli_file_write(&b->file, svg.data, svg.size, error);
    wg_buffer_finish(&svg);
    return status;
}

// ---- Output ------------------------------------------------------------------------------------

static void put_result(cli_output *output, const bench *b, const result *r)
{
    cli_put_string(output, r->device);
    cli_put_string(output, r->index);
    cli_put_bool(output, r->exact);
    cli_put_string(output, waggle_scan_name(r->scan));
    cli_put_u64(output, r->batch);
    cli_put_u64(output, b->threads);
    cli_put_u64(output, b->k);
    if (isnan(r->recall) && output->style.layout == CLI_TABLE) {
        cli_put_string(output, "no truth");
    } else {
        cli_put_double(output, r->recall, 4);
    }
    cli_put_double(output, r->qps, r->qps < 100 ? 2 : 0);
    cli_put_double(output, r->p50_us, 0);
    cli_put_double(output, r->p95_us, 0);
    cli_put_double(output, r->p99_us, 0);
    cli_put_size(output, r->bytes_scanned);
    cli_put_double(output, r->gb_per_s, 2);
    cli_put_double(output, r->bandwidth_share, 2);
    cli_row_end(output);
}

static waggle_status run_all(bench *b, const uint32_t *batches, uint32_t count, waggle_error *error)
{
    static const cli_column columns[] = {
        {"device",          false},
        {"index",           false},
        {"exact",           false},
        {"scan",            false},
        {"batch",           true },
        {"threads",         true },
        {"k",               true },
        {"recall",          true },
        {"qps",             true },
        {"p50_us",          true },
        {"p95_us",          true },
        {"p99_us",          true },
        {"bytes_scanned",   true },
        {"gb_per_s",        true },
        {"bandwidth_share", true },
    };
    cli_output output;
    result r = {0};
    waggle_status status = WAGGLE_OK;

    cli_output_begin(&output, b->cli->style, columns, WG_COUNT(columns));
    wg_interrupt_catch();
    for (uint32_t i = 0; i < count && status == WAGGLE_OK; i++) {
        status = run_batch(b, batches[i], &r, error);
        if (status != WAGGLE_OK) break;
        put_result(&output, b, &r);
        if (b->has_plot) plot_add(b, &r);
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    return status == WAGGLE_OK ? written : status;
}

static waggle_status run(bench *b, const char *queries, waggle_error *error)
{
    cli_context *cli = b->cli;
    const char *truth = cli_value(&cli->args, "truth");
    const char *plot = cli_value(&cli->args, "plot");
    uint32_t batches[BATCHES_MAX], count = 0;
    waggle_status status = read_batches(cli, batches, &count, error);

    if (status != WAGGLE_OK) return status;
    status = cli_session_open(cli, CLI_READ, cli_argument(cli, 0), b->threads, &b->session, error);
    if (status != WAGGLE_OK) return status;
    status = cli_vector_find(cli, b->session.info, cli_value(&cli->args, "using"), &b->spec, error);
    if (status == WAGGLE_OK) status = read_queries(b, queries, error);
    if (status == WAGGLE_OK && truth != NULL) status = read_truth(b, truth, error);
    if (status == WAGGLE_OK && plot != NULL) status = plot_begin(b, plot, error);
    if (status == WAGGLE_OK) status = run_all(b, batches, count, error);
    if (status == WAGGLE_OK && plot != NULL) status = plot_write(b, error);
    status = cli_file_finish(&b->file, status, error);
    return cli_session_close(&b->session, status, error);
}

waggle_status cli_bench(cli_context *cli, waggle_error *error)
{
    bench b = {.cli = cli,
               .convert = cli_convert_of(cli_value(&cli->args, "convert")),
               .scan = cli_scan_of(cli_value(&cli->args, "scan"))};
    const char *queries = cli_value(&cli->args, "queries");
    const char *format = cli_value(&cli->args, "format");
    uint64_t k = 0, threads = 0;
    waggle_status status = cli_value_number(&cli->args, "k", 1, 1000000, 10, &k, error);

    if (status == WAGGLE_OK) {
        status =
            cli_value_number(&cli->args, "threads", 1, WG_BANDWIDTH_THREADS_MAX,
                             WG_MIN(wg_cpu_count(), WG_BANDWIDTH_THREADS_MAX), &threads, error);
    }
    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    if (queries == NULL) return cli_usage(cli, error, "bench needs --queries FILE");
    if (format != NULL) cli->style.layout = strcmp(format, "json") == 0 ? CLI_JSON : CLI_TABLE;
    b.k = (uint32_t)k;
    b.threads = (uint32_t)threads;
    wg_buffer_init(&b.queries, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&b.times, NULL, WG_MEMORY_SCRATCH);
    status = run(&b, queries, error);
    cli_integers_finish(&b.truth);
    wg_buffer_finish(&b.queries);
    wg_buffer_finish(&b.times);
    return status;
}
