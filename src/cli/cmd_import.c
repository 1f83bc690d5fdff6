// import: a file of vectors into a collection, with progress, and resumable.
//
// A row's id is its own, or the number of the row plus a first id that is settled, and written down, before
// the first row (import_state.h). So whatever is imported twice lands on the same points: going on after an
// interruption makes no duplicates, wherever it was interrupted.
#include "base/system.h"
#include "cli/database.h"
#include "cli/import_state.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

#define BATCH_ROWS 4096u
#define SKIPPED_SHOWN_MAX 100u
// A slow source makes rows durable at least this often.
#define COMMIT_NS UINT64_C(30000000000)

// Where the import was after a batch: once added points are durable, so is everything up to row.
typedef struct mark {
    uint64_t added;
    uint64_t row;
    uint64_t skipped;
    char id[WAGGLE_ID_TEXT_SIZE];
} mark;

typedef struct importer {
    cli_context *cli;
    cli_session session;
    cli_import_state state;
    bool stateful; // the source can be read again; not the standard input
    bool resumed;
    cli_reader *reader;
    cli_rows rows;
    waggle_import *import;
    wg_buffer marks; // of batches that are not durable yet
    cli_progress progress;
    cli_format format;
    bool skip_errors;
    uint64_t commit_rows;    // 0 = when a segment is full
    uint64_t committed;      // points added before the last commit
    uint64_t commit_ns;      // when it was
    uint64_t added;          // points, in this run
    uint64_t bytes;          // of their vectors
    uint64_t skipped_before; // by interrupted runs
    uint64_t skipped_here;   // by us; the reader counts its own
    uint64_t skipped_shown;
    char last_id[WAGGLE_ID_TEXT_SIZE];
} importer;

// ---- The first id ------------------------------------------------------------------------------

// The first number id behind after (NULL = of all). *found = false if there is none.
static waggle_status number_after(waggle_collection *collection, const waggle_id *after,
                                  uint64_t *number, bool *found, waggle_error *error)
{
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    waggle_status status = waggle_cursor_open(
        collection, waggle_read_options(.without_payload = true, .after = after), &cursor, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_cursor_next(cursor, &record, error);
    *found = status == WAGGLE_OK && record != NULL && record->id.kind == WAGGLE_ID_NUMBER;
    if (*found) *number = record->id.value.number;
    waggle_cursor_close(cursor);
    return status;
}

// One more than the highest number that is an id; 0 if none is. Bisects, for ids are in order: at most 64
// looks into the collection, however large it is.
static waggle_status next_number(waggle_collection *collection, uint64_t *next, waggle_error *error)
{
    uint64_t low = 0, high = UINT64_MAX, number = 0;
    bool found = false;
    waggle_status status = number_after(collection, NULL, &low, &found, error);

    if (status != WAGGLE_OK) return status;
    if (!found) {
        *next = 0;
        return WAGGLE_OK;
    }
    while (low < high) { // low is an id, and none is above high
        uint64_t middle = low + (high - low) / 2;
        waggle_id after = waggle_id_number(middle);
        status = number_after(collection, &after, &number, &found, error);
        if (status != WAGGLE_OK) return status;
        if (found) low = number;
        if (!found) high = middle;
    }
    if (low == UINT64_MAX) {
        return wg_fail(error, WAGGLE_INVALID,
                       "the collection has the id 2^64 - 1, so there is no number behind it; give "
                       "the rows ids of their own");
    }
    *next = low + 1;
    return WAGGLE_OK;
}

// ---- Going on ----------------------------------------------------------------------------------

static bool point_exists(waggle_collection *collection, const char *text)
{
    waggle_id id;
    waggle_records *records = NULL;
    const waggle_read_options *options = waggle_read_options(.without_payload = true);

    if (waggle_id_parse(text, &id, NULL) != WAGGLE_OK ||
        waggle_get(collection, &id, 1, options, &records, NULL) != WAGGLE_OK) {
        return false;
    }
    bool exists = waggle_records_at(records, 0)->found;
    waggle_records_destroy(records);
    return exists;
}

static waggle_status fingerprint_sources(const cli_import_state *state, uint64_t *fingerprint,
                                         waggle_error *error)
{
    uint64_t payload = 0;
    waggle_status status = cli_fingerprint(state->source, fingerprint, error);

    if (status != WAGGLE_OK || state->payload == NULL) return status;
    status = cli_fingerprint(state->payload, &payload, error);
    *fingerprint = *fingerprint * 31 + payload;
    return status;
}

// Decides where to begin: state.rows is the first row to read.
static waggle_status find_state(importer *im, uint64_t fingerprint, waggle_error *error)
{
    cli_context *cli = im->cli;
    bool found = false;
    waggle_status status = cli_import_state_load(&im->state, &found, error);

    if (status != WAGGLE_OK) return status;
    bool there = im->session.collection != NULL;
    bool stale = found && (!there || (im->state.last_id[0] != '\0' &&
                                      !point_exists(im->session.collection, im->state.last_id)));
    if (stale) found = false;
    bool restart = found && cli_has(&cli->args, "restart");
    if (found && !restart && im->state.fingerprint != fingerprint) {
        cli_hint(cli, "--restart imports it from its first row, under the ids it had then.");
        return wg_fail(error, WAGGLE_INVALID,
                       "%s has changed since an import of it was interrupted after %" PRIu64
                       " rows",
                       im->state.source, im->state.rows);
    }
    if (!found) im->state.first_id = 0;
    if (!found || restart) {
        im->state.rows = 0;
        im->state.skipped = 0;
        im->state.last_id[0] = '\0';
    }
    im->state.fingerprint = fingerprint;
    im->skipped_before = im->state.skipped;
    im->resumed = found;
    if (found && im->state.rows > 0) {
        cli_say(cli, "going on at row %" PRIu64 " of %s", im->state.rows, im->state.source);
    }
    return WAGGLE_OK;
}

// ---- Opening -----------------------------------------------------------------------------------

static void show_skipped(importer *im, const char *message)
{
    im->skipped_shown++;
    if (im->skipped_shown > SKIPPED_SHOWN_MAX + 1) return;
    cli_progress_end(&im->progress);
    if (im->skipped_shown == SKIPPED_SHOWN_MAX + 1) {
        fprintf(stderr, "waggle: skipped: more rows, which are only counted\n");
    } else {
        fprintf(stderr, "waggle: skipped: %s\n", message);
    }
}

static void reader_skipped(void *context, const cli_row_error *error)
{
    show_skipped(context, error->message);
}

static bool has_text_ids(cli_format format)
{
    return format == CLI_FORMAT_JSONL || format == CLI_FORMAT_CSV || format == CLI_FORMAT_TSV;
}

// What the words of the command line alone tell, before any file is touched.
static waggle_status check_usage(importer *im, waggle_error *error)
{
    const cli_args *args = &im->cli->args;
    const char *format = cli_value(args, "format"), *id_field = cli_value(args, "id-field");
    waggle_status status = WAGGLE_OK;

    if (format != NULL) {
        status = cli_format_parse(format, &im->format, error);
    } else if (!im->stateful) {
        return cli_usage(im->cli, error, "the standard input needs --format");
    } else {
        status = cli_format_of_path(im->state.source, &im->format, error);
    }
    if (status != WAGGLE_OK) return cli_is_usage(im->cli, status);
    if (id_field == NULL || has_text_ids(im->format)) return WAGGLE_OK;
    if (im->state.payload == NULL) {
        return cli_usage(im->cli, error, "--id-field needs --payload: %s files hold no ids",
                         cli_format_name(im->format));
    }
    im->rows.id_field = id_field;
    return WAGGLE_OK;
}

static waggle_status open_reader(importer *im, waggle_error *error)
{
    const waggle_collection_info *info = im->session.info;
    cli_reader_options options = {
        .format = im->format,
        .payload_path = im->state.payload,
        .skip_errors = im->skip_errors,
        .batch_rows = BATCH_ROWS,
        .first_row = im->state.rows,
        .skipped = reader_skipped,
        .skipped_context = im,
    };

    if (has_text_ids(im->format)) options.id_field = cli_value(&im->cli->args, "id-field");
    if (info != NULL && info->vector_count == 1) options.dim = info->vectors[0].dim;
    return cli_reader_open(im->state.source, &options, &im->reader, error);
}

// What the file holds is what the new collection gets.
static waggle_status create_collection(importer *im, waggle_error *error)
{
    const cli_args *args = &im->cli->args;
    const cli_reader_info *file = cli_reader_describe(im->reader);
    const char *type = cli_value(args, "type"), *metric = cli_value(args, "metric");
    const char *name = cli_argument(im->cli, 0);
    waggle_vector_spec specs[WAGGLE_VECTOR_NAMES_MAX];
    waggle_status status = WAGGLE_OK;

    if (file->vector_count == 0) {
        return wg_fail(error, WAGGLE_INVALID, "%s has no rows, so there is nothing to import",
                       im->state.source);
    }
    for (uint32_t i = 0; i < file->vector_count && status == WAGGLE_OK; i++) {
        const waggle_vectors *vectors = &file->vectors[i];
        bool unnamed = vectors->name == NULL || vectors->name[0] == '\0';
        specs[i] = (waggle_vector_spec){
            .name = unnamed ? im->rows.vector : vectors->name,
            .dim = vectors->rows.dim,
            .type = vectors->rows.type,
            .metric = WAGGLE_L2,
            .scan = cli_scan_of(cli_value(args, "scan")),
        };
        if (type != NULL) status = waggle_type_parse(type, &specs[i].type, error);
        if (specs[i].type == WAGGLE_B1) specs[i].metric = WAGGLE_HAMMING;
        if (status == WAGGLE_OK && metric != NULL) {
            status = waggle_metric_parse(metric, &specs[i].metric, error);
        }
    }
    if (status != WAGGLE_OK) return cli_is_usage(im->cli, status);
    status = waggle_collection_create(
        im->session.database, name,
        waggle_collection_spec(.vector_count = file->vector_count, .vectors = specs),
        &im->session.collection, error);
    if (status == WAGGLE_OK) cli_import_states_forget(im->cli->database, name);
    return status;
}

// --type, --metric and --scan must fit a collection that is there.
static waggle_status check_spec(importer *im, const waggle_vector_spec *spec, waggle_error *error)
{
    const char *type = cli_value(&im->cli->args, "type");
    const char *metric = cli_value(&im->cli->args, "metric");
    const char *scan = cli_value(&im->cli->args, "scan");

    if (type != NULL && strcmp(type, waggle_type_name(spec->type)) != 0) {
        return cli_usage(im->cli, error, "--type is %s; the collection %s has type %s", type,
                         im->session.info->name, waggle_type_name(spec->type));
    }
    if (metric != NULL && strcmp(metric, waggle_metric_name(spec->metric)) != 0) {
        return cli_usage(im->cli, error, "--metric is %s; the collection %s has metric %s", metric,
                         im->session.info->name, waggle_metric_name(spec->metric));
    }
    if (scan != NULL && strcmp(scan, waggle_scan_name(spec->scan)) != 0) {
        return cli_usage(im->cli, error, "--scan is %s; the collection %s has scan %s", scan,
                         im->session.info->name, waggle_scan_name(spec->scan));
    }
    return WAGGLE_OK;
}

static waggle_status open_collection(importer *im, waggle_error *error)
{
    cli_session *session = &im->session;
    const char *name = cli_argument(im->cli, 0);
    waggle_status status =
        waggle_collection_open(session->database, name, &session->collection, error);

    if (status == WAGGLE_NOT_FOUND) {
        wg_error_clear(error);
        return WAGGLE_OK;
    }
    if (status != WAGGLE_OK) return status;
    status = waggle_collection_describe(session->collection, &session->infos, error);
    if (status != WAGGLE_OK) return status;
    session->info = waggle_collection_list_at(session->infos, 0);
    for (uint32_t i = 0; i < session->info->vector_count && status == WAGGLE_OK; i++) {
        status = check_spec(im, &session->info->vectors[i], error);
    }
    if (im->rows.vector == NULL && session->info->vector_count == 1) {
        im->rows.vector = session->info->vectors[0].name;
    }
    return status;
}

static waggle_status begin(importer *im, waggle_error *error)
{
    uint64_t fingerprint = 0;
    waggle_status status = check_usage(im, error);

    if (status != WAGGLE_OK) return status;
    if (im->stateful) status = fingerprint_sources(&im->state, &fingerprint, error);
    if (status != WAGGLE_OK) return status;
    status = cli_database_open(im->cli, CLI_CREATE, 0, &im->session.database, error);
    if (status != WAGGLE_OK) return status;
    status = open_collection(im, error);
    if (status != WAGGLE_OK) return status;
    if (im->stateful) status = find_state(im, fingerprint, error);
    if (status != WAGGLE_OK) return status;
    status = open_reader(im, error);
    if (status != WAGGLE_OK) return status;
    if (im->session.collection == NULL) status = create_collection(im, error);
    if (status != WAGGLE_OK) return status;
    if (!im->resumed) status = next_number(im->session.collection, &im->state.first_id, error);
    if (status != WAGGLE_OK) return status;
    im->rows.first_id = im->state.first_id;
    if (im->stateful) status = cli_import_state_save(&im->state, error);
    if (status != WAGGLE_OK) return status;
    return waggle_import_open(im->session.collection, &im->import, error);
}

// ---- Adding ------------------------------------------------------------------------------------

static bool is_of_row(waggle_status status)
{
    return status == WAGGLE_INVALID || status == WAGGLE_DIMENSION;
}

static uint64_t skipped_so_far(const importer *im)
{
    return im->skipped_before + im->skipped_here + cli_reader_skipped(im->reader);
}

static waggle_status set_mark(importer *im, uint64_t row, waggle_error *error)
{
    mark here = {
        .added = im->added,
        .row = row,
        .skipped = skipped_so_far(im),
    };

    memcpy(here.id, im->last_id, sizeof(here.id));
    if (wg_buffer_append(&im->marks, &here, sizeof(here))) return WAGGLE_OK;
    return wg_fail_memory(error, sizeof(here), "the state of an import");
}

// Adds the points one by one, to find the bad ones: they are skipped, or the first of them is the error.
static waggle_status add_singly(importer *im, const cli_batch *batch, const waggle_points *points,
                                waggle_error *error)
{
    waggle_vectors vectors[WAGGLE_VECTOR_NAMES_MAX];

    for (uint64_t i = 0; i < points->count; i++) {
        waggle_points one = cli_points_at(points, i, vectors);
        waggle_status status = waggle_import_add(im->import, &one, error);
        if (status == WAGGLE_OK) {
            waggle_id id = cli_points_id(points, i);
            im->added++;
            im->bytes += cli_points_size(&one);
            waggle_id_format(&id, im->last_id, sizeof(im->last_id));
            continue;
        }
        if (!is_of_row(status)) return status;
        wg_fail_context(error, status, "%s: row %" PRIu64, im->state.source, batch->rows[i]);
        if (!im->skip_errors) {
            waggle_status marked = set_mark(im, batch->rows[i], NULL);
            return marked == WAGGLE_OK ? status : marked;
        }
        im->skipped_here++;
        show_skipped(im, error == NULL ? "" : error->message);
        wg_error_clear(error);
    }
    return WAGGLE_OK;
}

static waggle_status add_batch(importer *im, const cli_batch *batch, waggle_error *error)
{
    waggle_points points;
    waggle_status status = cli_rows_points(&im->rows, batch, &points, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_import_add(im->import, &points, error);
    if (is_of_row(status)) return add_singly(im, batch, &points, error);
    if (status != WAGGLE_OK) return status;
    waggle_id last = cli_points_id(&points, points.count - 1);
    im->added += points.count;
    im->bytes += cli_points_size(&points);
    waggle_id_format(&last, im->last_id, sizeof(im->last_id));
    return WAGGLE_OK;
}

// Writes down what has become durable since.
static waggle_status keep_state(importer *im, waggle_error *error)
{
    uint64_t durable = waggle_import_durable(im->import);
    size_t passed = 0;
    mark here;

    while (passed + sizeof(here) <= im->marks.size) {
        memcpy(&here, im->marks.data + passed, sizeof(here));
        if (here.added > durable) break;
        passed += sizeof(here);
        im->state.rows = here.row;
        im->state.skipped = here.skipped;
        memcpy(im->state.last_id, here.id, sizeof(here.id));
    }
    if (passed == 0) return WAGGLE_OK;
    memmove(im->marks.data, im->marks.data + passed, im->marks.size - passed);
    im->marks.size -= passed;
    return im->stateful ? cli_import_state_save(&im->state, error) : WAGGLE_OK;
}

static waggle_status commit(importer *im, waggle_error *error)
{
    waggle_status status = waggle_import_commit(im->import, error);

    if (status != WAGGLE_OK) return status;
    im->committed = im->added;
    im->commit_ns = wg_now_ns();
    return keep_state(im, error);
}

static waggle_status after_batch(importer *im, waggle_error *error)
{
    cli_progress_state state = {
        .rows = cli_reader_row(im->reader),
        .done = cli_reader_position(im->reader),
        .total = cli_reader_size(im->reader),
        .bytes = im->bytes,
    };
    waggle_status status = set_mark(im, state.rows, error);

    if (status != WAGGLE_OK) return status;
    cli_progress_update(&im->progress, &state);
    bool many = im->commit_rows > 0 && im->added - im->committed >= im->commit_rows;
    bool late = wg_now_ns() - im->commit_ns >= COMMIT_NS;
    return many || late ? commit(im, error) : keep_state(im, error);
}

// Reads and adds until the end, an error or an interruption; then makes durable what was added. So an error
// costs nothing of what came before it.
static waggle_status add_all(importer *im, bool *complete, waggle_error *error)
{
    const cli_batch *batch = NULL;
    waggle_error late = {0};
    waggle_status status = WAGGLE_OK;

    *complete = false;
    while (status == WAGGLE_OK && !wg_interrupted()) {
        status = cli_reader_next(im->reader, &batch, error);
        *complete = status == WAGGLE_OK && batch->count == 0;
        if (status != WAGGLE_OK || *complete) break;
        status = add_batch(im, batch, error);
        if (status == WAGGLE_OK) status = after_batch(im, error);
    }
    cli_progress_end(&im->progress);
    if (status != WAGGLE_OK && !is_of_row(status) && status != WAGGLE_CORRUPT) return status;
    waggle_status committed = commit(im, status == WAGGLE_OK ? error : &late);
    return status == WAGGLE_OK ? committed : status;
}

// ---- The command -------------------------------------------------------------------------------

static waggle_status print_summary(const importer *im, double seconds, waggle_error *error)
{
    static const cli_column columns[] = {
        {"collection", false},
        {"rows",       true },
        {"skipped",    true },
        {"seconds",    true },
        {"rows_per_s", true },
        {"mb_per_s",   true },
    };
    double elapsed = seconds > 1e-9 ? seconds : 1e-9;
    cli_output output;

    cli_output_record(&output, im->cli->style, columns, WG_COUNT(columns));
    cli_put_string(&output, cli_argument(im->cli, 0));
    cli_put_u64(&output, im->added);
    cli_put_u64(&output, skipped_so_far(im) - im->skipped_before);
    cli_put_double(&output, seconds, 2);
    cli_put_double(&output, (double)im->added / elapsed, 0);
    cli_put_double(&output, (double)im->bytes / elapsed / 1e6, 1);
    cli_row_end(&output);
    return cli_output_end(&output, error);
}

static waggle_status stopped(importer *im, waggle_error *error)
{
    if (im->stateful) {
        cli_hint(im->cli, "The same command goes on there.");
    } else {
        cli_hint(im->cli, "What came from the standard input cannot be gone on with.");
    }
    return wg_fail(error, WAGGLE_CANCELED, "interrupted; %" PRIu64 " rows are stored durably",
                   cli_reader_row(im->reader));
}

static void hint_after_error(importer *im, waggle_status status)
{
    // A disk may be too full to begin again what was begun before.
    bool begun = im->import != NULL || (im->resumed && status == WAGGLE_DISK_FULL);

    if (!begun) return;
    cli_hint(im->cli, "%" PRIu64 " rows before it are stored durably.", im->state.rows);
    if (!im->stateful) {
        cli_hint(im->cli, "What came from the standard input cannot be gone on with.");
    } else if (is_of_row(status)) {
        cli_hint(im->cli, "--skip-errors goes on there and leaves bad rows out.");
        cli_hint(im->cli, "After the file is corrected, --restart imports it again under the same "
                          "ids.");
    } else {
        cli_hint(im->cli, "The same command goes on there.");
    }
}

static waggle_status run(importer *im, waggle_error *error)
{
    bool complete = false;
    waggle_status status = begin(im, error);

    if (status != WAGGLE_OK) {
        hint_after_error(im, status);
        return status;
    }
    uint64_t started = wg_now_ns();
    im->commit_ns = started;
    cli_progress_begin(&im->progress, cli_argument(im->cli, 0), im->cli->quiet);
    im->progress.base_rows = im->state.rows;
    im->progress.base_done = cli_reader_position(im->reader);
    wg_interrupt_catch();
    status = add_all(im, &complete, error);
    if (status != WAGGLE_OK) {
        hint_after_error(im, status);
        return status;
    }
    if (!complete) return stopped(im, error);
    if (im->stateful) cli_import_state_remove(&im->state);
    double seconds = (double)(wg_now_ns() - started) / 1e9;
    cli_codes_wait(im->cli, im->session.database);
    return print_summary(im, seconds, error);
}

waggle_status cli_import(cli_context *cli, waggle_error *error)
{
    const char *source = cli_argument(cli, 1);
    importer im = {
        .cli = cli,
        .state = {.database = cli->database,
                  .collection = cli_argument(cli, 0),
                  .source = source,
                  .payload = cli_value(&cli->args, "payload")},
        .stateful = strcmp(source, "-") != 0,
        .skip_errors = cli_has(&cli->args, "skip-errors"),
    };
    waggle_status status =
        cli_value_number(&cli->args, "commit-rows", 1, UINT64_MAX, 0, &im.commit_rows, error);

    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    cli_rows_init(&im.rows);
    im.rows.path = source;
    im.rows.vector = cli_value(&cli->args, "using");
    im.rows.convert = cli_convert_of(cli_value(&cli->args, "convert"));
    wg_buffer_init(&im.marks, NULL, WG_MEMORY_SCRATCH);
    status = run(&im, error);
    waggle_import_close(im.import);
    cli_reader_close(im.reader);
    cli_rows_finish(&im.rows);
    wg_buffer_finish(&im.marks);
    return cli_session_close(&im.session, status, error);
}
