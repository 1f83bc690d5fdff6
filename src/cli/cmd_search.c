// search: by a point, by a vector, by a word, or for every row of a file.
#include "base/system.h"
#include "cli/database.h"
#include "cli/letters.h"
#include "cli/readers/reader.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

#define QUERY_ROWS 256u // queries of a file in one call
#define STAGES_MAX 4u   // of a scan: three kinds of codes, and rows

typedef struct searcher {
    cli_context *cli;
    cli_session session;
    const waggle_vector_spec *spec;
    uint32_t k;
    bool with_payload;
    waggle_convert convert;
    waggle_scan scan;
    bool with_stages;                       // instead of hits
    waggle_scan ran;                        // the last one that ran
    bool exact;                             // all answers are
    waggle_search_stage stages[STAGES_MAX]; // of all answers; their names are static
    uint32_t stage_count;
    uint64_t blocks_widened;
    uint64_t queries; // answered so far
    double seconds;
    uint64_t rows_scanned;
    cli_output output;
} searcher;

// ---- Hits --------------------------------------------------------------------------------------

// except, if not NULL, is the point that was searched with.
static void print_hits(searcher *s, const waggle_hits *hits, const waggle_id *except)
{
    for (uint64_t q = 0; q < waggle_hits_queries(hits); q++) {
        uint32_t count = 0;
        uint32_t rank = 0;
        const waggle_hit *list = waggle_hits_at(hits, q, &count);
        for (uint32_t i = 0; i < count && rank < s->k; i++) {
            if (except != NULL && waggle_id_compare(&list[i].id, except) == 0) continue;
            rank++;
            cli_put_u64(&s->output, s->queries + q);
            cli_put_u64(&s->output, rank);
            cli_put_id(&s->output, &list[i].id);
            cli_put_float(&s->output, list[i].score);
            if (s->with_payload) {
                cli_put_json(&s->output, list[i].payload.data, list[i].payload.size);
            }
            cli_row_end(&s->output);
        }
    }
    s->queries += waggle_hits_queries(hits);
}

// ---- Stages ------------------------------------------------------------------------------------

static void add_stage(searcher *s, const waggle_search_stage *stage)
{
    uint32_t i = 0;

    while (i < s->stage_count && strcmp(s->stages[i].name, stage->name) != 0) {
        i++;
    }
    if (i == STAGES_MAX) return;
    if (i == s->stage_count)
        s->stages[s->stage_count++] = (waggle_search_stage){stage->name, 0, 0, 0};
    s->stages[i].rows += stage->rows;
    s->stages[i].bytes += stage->bytes;
    s->stages[i].seconds += stage->seconds;
}

static void add_info(searcher *s, const waggle_search_info *info)
{
    s->rows_scanned += info->rows_scanned;
    s->blocks_widened += info->blocks_widened;
    s->ran = info->scan;
    s->exact = s->exact && info->exact;
    for (uint32_t i = 0; i < info->stage_count; i++) {
        add_stage(s, &info->stages[i]);
    }
}

static void print_stages(searcher *s)
{
    for (uint32_t i = 0; i < s->stage_count; i++) {
        const waggle_search_stage *stage = &s->stages[i];
        cli_put_string(&s->output, waggle_scan_name(s->ran));
        cli_put_bool(&s->output, s->exact);
        cli_put_string(&s->output, stage->name);
        cli_put_u64(&s->output, stage->rows);
        cli_put_size(&s->output, stage->bytes);
        cli_put_double(&s->output, stage->seconds * 1e3, 3);
        cli_put_u64(&s->output, s->blocks_widened);
        cli_row_end(&s->output);
    }
}

// "certified: 4-bit 60000, int8 31, f32 12"; capacity is enough for all stages.
static const char *scan_text(const searcher *s, char *text, size_t capacity)
{
    size_t at = (size_t)snprintf(text, capacity, "%s", waggle_scan_name(s->ran));

    for (uint32_t i = 0; i < s->stage_count; i++) {
        at += (size_t)snprintf(text + at, capacity - at, "%s %s %" PRIu64, i == 0 ? ":" : ",",
                               s->stages[i].name, s->stages[i].rows);
    }
    return text;
}

static waggle_status search_rows(searcher *s, const waggle_rows *rows, const waggle_id *except,
                                 waggle_error *error)
{
    waggle_hits *hits = NULL;
    // One more than asked for, where one may be left out.
    uint32_t k = except != NULL && s->k < UINT32_MAX ? s->k + 1 : s->k;
    const waggle_search_options *options =
        waggle_search_options(.k = k, .vector = s->spec->name, .with_payload = s->with_payload,
                              .convert = s->convert, .scan = s->scan);
    uint64_t started = wg_now_ns();
    waggle_status status = waggle_search(s->session.collection, rows, options, &hits, error);

    if (status != WAGGLE_OK) return status;
    s->seconds += (double)(wg_now_ns() - started) / 1e9;
    add_info(s, waggle_hits_info(hits));
    if (s->with_stages) {
        s->queries += waggle_hits_queries(hits);
    } else {
        print_hits(s, hits, except);
    }
    waggle_hits_destroy(hits);
    return WAGGLE_OK;
}

// ---- What to search with -----------------------------------------------------------------------

static waggle_status search_id(searcher *s, const char *text, waggle_error *error)
{
    waggle_id id;
    waggle_records *records = NULL;
    waggle_status status = cli_id_parse(text, &id, error);

    if (status != WAGGLE_OK) return cli_is_usage(s->cli, status);
    status = waggle_get(s->session.collection, &id, 1,
                        waggle_read_options(.without_payload = true, .with_vectors = true),
                        &records, error);
    if (status != WAGGLE_OK) return status;

    const waggle_record *record = waggle_records_at(records, 0);
    const waggle_vector *vector = NULL;
    size_t index = (size_t)(s->spec - s->session.info->vectors);
    if (record->found && index < record->vector_count) vector = &record->vectors[index];
    if (!record->found) {
        status = wg_fail(error, WAGGLE_NOT_FOUND, "there is no point %s in %s", text,
                         s->session.info->name);
    } else if (vector == NULL || vector->data == NULL) {
        status = wg_fail(error, WAGGLE_NOT_FOUND, "the point %s lacks the vector", text);
    } else {
        waggle_rows rows = waggle_rows_of(vector->type, vector->data, 1, vector->dim);
        status = search_rows(s, &rows, &id, error);
    }
    waggle_records_destroy(records);
    return status;
}

static waggle_status search_vector(searcher *s, const char *text, waggle_error *error)
{
    wg_buffer values;
    uint32_t dim = 0;

    wg_buffer_init(&values, NULL, WG_MEMORY_SCRATCH);
    waggle_status status = cli_vector_parse(text, &values, &dim, error);
    if (status == WAGGLE_OK) {
        waggle_rows rows = waggle_rows_f32((const float *)(const void *)values.data, 1, dim);
        status = search_rows(s, &rows, NULL, error);
    }
    wg_buffer_finish(&values);
    return status;
}

static waggle_status search_text(searcher *s, const char *word, waggle_error *error)
{
    float vector[CLI_LETTERS_DIM];
    size_t size = strlen(word);
    const char *name = s->spec->name == NULL ? "" : s->spec->name;

    if (size == 0 || size > CLI_LETTERS_WORD_MAX) {
        return cli_usage(s->cli, error, "--text has %zu bytes; a word has 1 to %u", size,
                         CLI_LETTERS_WORD_MAX);
    }
    if (strcmp(name, CLI_LETTERS_NAME) != 0 || s->spec->dim != CLI_LETTERS_DIM) {
        cli_hint(s->cli, "Other collections hold vectors that only their maker can make of a "
                         "text: use --vector.");
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "--text is for collections of words, as waggle demo makes them, with a "
                       "vector named %s; %s has none",
                       CLI_LETTERS_NAME, s->session.info->name);
    }
    cli_letters_vector(word, size, vector);
    waggle_rows rows = waggle_rows_f32(vector, 1, CLI_LETTERS_DIM);
    return search_rows(s, &rows, NULL, error);
}

static waggle_status search_file(searcher *s, const char *path, waggle_error *error)
{
    cli_reader *reader = NULL;
    const cli_batch *batch = NULL;
    const cli_reader_options options = {.dim = s->spec->dim, .batch_rows = QUERY_ROWS};
    waggle_status status = cli_reader_open(path, &options, &reader, error);

    while (status == WAGGLE_OK) {
        status = cli_reader_next(reader, &batch, error);
        if (status != WAGGLE_OK || batch->count == 0) break;
        status = search_rows(s, &batch->vectors[0].rows, NULL, error);
        if (status != WAGGLE_OK) {
            wg_fail_context(error, status, "%s: queries from row %" PRIu64, path, batch->rows[0]);
        }
    }
    cli_reader_close(reader);
    return status;
}

// ---- The command -------------------------------------------------------------------------------

static const char *const sources[] = {"id", "vector", "text", "queries"};

// Exactly one of them must be given.
static waggle_status find_source(cli_context *cli, const char **source, waggle_error *error)
{
    uint32_t given = 0;

    for (size_t i = 0; i < WG_COUNT(sources); i++) {
        if (cli_value(&cli->args, sources[i]) == NULL) continue;
        *source = sources[i];
        given++;
    }
    if (given == 1) return WAGGLE_OK;
    return cli_usage(cli, error,
                     "search needs one of --id, --vector, --text and --queries; %u given", given);
}

static waggle_status search_source(searcher *s, const char *source, waggle_error *error)
{
    const char *value = cli_value(&s->cli->args, source);

    if (strcmp(source, "id") == 0) return search_id(s, value, error);
    if (strcmp(source, "vector") == 0) return search_vector(s, value, error);
    if (strcmp(source, "text") == 0) return search_text(s, value, error);
    return search_file(s, value, error);
}

static waggle_status run(searcher *s, const char *source, waggle_error *error)
{
    static const cli_column columns[] = {
        {"query",   true },
        {"rank",    true },
        {"id",      false},
        {"score",   true },
        {"payload", false},
    };
    static const cli_column stages[] = {
        {"scan",           false},
        {"exact",          false},
        {"stage",          false},
        {"rows",           true },
        {"bytes",          true },
        {"ms",             true },
        {"blocks_widened", true },
    };
    char scan[160];
    cli_context *cli = s->cli;
    uint32_t count = s->with_payload ? 5 : 4;
    waggle_status status =
        cli_vector_find(cli, s->session.info, cli_value(&cli->args, "using"), &s->spec, error);

    if (status != WAGGLE_OK) return status;
    if (s->with_stages) {
        cli_output_begin(&s->output, cli->style, stages, WG_COUNT(stages));
    } else {
        cli_output_begin(&s->output, cli->style, columns, count);
    }
    status = search_source(s, source, error);
    if (status == WAGGLE_OK && s->with_stages) print_stages(s);
    // An answer that failed prints no empty table.
    if (status != WAGGLE_OK && s->output.rows == 0) s->output.style.layout = CLI_JSONL;
    waggle_status written = cli_output_end(&s->output, status == WAGGLE_OK ? error : NULL);
    if (status != WAGGLE_OK) return status;
    if (cli->style.layout == CLI_TABLE) {
        cli_say(cli, "%" PRIu64 " %s in %.2f ms over %" PRIu64 " rows (%s), %s on %s", s->queries,
                s->queries == 1 ? "query" : "queries", s->seconds * 1e3, s->rows_scanned,
                scan_text(s, scan, sizeof(scan)), s->session.info->index, s->session.info->device);
    }
    return written;
}

waggle_status cli_search(cli_context *cli, waggle_error *error)
{
    searcher s = {
        .cli = cli,
        .convert = cli_convert_of(cli_value(&cli->args, "convert")),
        .scan = cli_scan_of(cli_value(&cli->args, "scan")),
        .with_stages = cli_has(&cli->args, "stages"),
        .ran = WAGGLE_SCAN_F32,
        .exact = true,
    };
    const char *source = NULL;
    uint64_t k = 0;
    waggle_status status = find_source(cli, &source, error);

    if (status != WAGGLE_OK) return status;
    status = cli_value_number(&cli->args, "k", 1, UINT32_MAX, 10, &k, error);
    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    s.k = (uint32_t)k;
    s.with_payload = strcmp(source, "queries") != 0 || cli_has(&cli->args, "with-payload");
    if (cli_has(&cli->args, "no-payload")) s.with_payload = false;
    status = cli_session_open(cli, CLI_READ, cli_argument(cli, 0), 0, &s.session, error);
    if (status != WAGGLE_OK) return status;
    status = run(&s, source, error);
    return cli_session_close(&s.session, status, error);
}
