// upsert, get, delete and count: points by their ids.
#include "base/system.h"
#include "cli/database.h"
#include "cli/rows.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

// ---- upsert ------------------------------------------------------------------------------------

static waggle_status open_points(cli_context *cli, const char *path, cli_reader **reader,
                                 waggle_error *error)
{
    const char *format = cli_value(&cli->args, "format");
    cli_reader_options options = {.id_field = cli_value(&cli->args, "id-field")};
    waggle_status status = WAGGLE_OK;

    if (format != NULL) {
        status = cli_format_parse(format, &options.format, error);
    } else if (strcmp(path, "-") == 0) {
        options.format = CLI_FORMAT_JSONL;
    }
    if (status != WAGGLE_OK) return cli_is_usage(cli, status);
    status = cli_reader_open(path, &options, reader, error);
    if (status != WAGGLE_OK) return status;
    const cli_reader_info *info = cli_reader_describe(*reader);
    if (info->has_ids || info->vector_count == 0) return WAGGLE_OK;
    cli_hint(cli, "waggle import numbers rows that have no ids.");
    return wg_fail(error, WAGGLE_INVALID, "%s: the points have no ids", path);
}

static waggle_status upsert_all(cli_session *session, cli_reader *reader, cli_rows *rows,
                                uint64_t *count, uint64_t *sequence, waggle_error *error)
{
    const cli_batch *batch = NULL;
    waggle_points points;

    for (;;) {
        waggle_status status = cli_reader_next(reader, &batch, error);
        if (status != WAGGLE_OK || batch->count == 0) return status;
        status = cli_rows_points(rows, batch, &points, error);
        if (status == WAGGLE_OK) {
            status = waggle_upsert(session->collection, &points, sequence, error);
        }
        if (status != WAGGLE_OK) {
            return wg_fail_context(error, status, "%s: batch from row %" PRIu64, rows->path,
                                   batch->rows[0]);
        }
        *count += batch->count;
    }
}

static waggle_status print_write(const cli_context *cli, const char *what, uint64_t count,
                                 uint64_t sequence, waggle_error *error)
{
    const cli_column columns[] = {
        {what,       true},
        {"sequence", true},
    };
    cli_output output;

    cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
    cli_put_u64(&output, count);
    cli_put_u64(&output, sequence);
    cli_row_end(&output);
    return cli_output_end(&output, error);
}

waggle_status cli_upsert(cli_context *cli, waggle_error *error)
{
    const char *path = cli_argument(cli, 1) == NULL ? "-" : cli_argument(cli, 1);
    cli_session session;
    cli_reader *reader = NULL;
    cli_rows rows;
    uint64_t count = 0, sequence = 0;
    waggle_status status = WAGGLE_OK;

    cli_rows_init(&rows);
    rows.path = path;
    rows.convert = cli_convert_of(cli_value(&cli->args, "convert"));
    status = cli_session_open(cli, CLI_WRITE, cli_argument(cli, 0), 0, &session, error);
    if (status != WAGGLE_OK) goto cleanup;
    rows.vector = cli_value(&cli->args, "using");
    if (rows.vector == NULL && session.info->vector_count == 1) {
        rows.vector = session.info->vectors[0].name;
    }
    status = open_points(cli, path, &reader, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = upsert_all(&session, reader, &rows, &count, &sequence, error);
    if (status != WAGGLE_OK && count > 0) {
        cli_hint(cli, "%" PRIu64 " points before it are stored.", count);
    }
    if (status != WAGGLE_OK) goto cleanup;
    status = print_write(cli, "upserted", count, sequence, error);

cleanup:
    cli_reader_close(reader);
    status = cli_session_close(&session, status, error);
    cli_rows_finish(&rows);
    return status;
}

// ---- get and delete ----------------------------------------------------------------------------

// The ids behind the collection's name. The caller frees *ids.
static waggle_status read_ids(cli_context *cli, waggle_id **ids, uint64_t *count,
                              waggle_error *error)
{
    size_t size = 0;
    waggle_status status = WAGGLE_OK;

    *count = cli->args.argument_count - 1;
    *ids = NULL;
    if (*count > WAGGLE_BATCH_MAX) {
        return cli_usage(cli, error, "%" PRIu64 " ids; the most are %u", *count, WAGGLE_BATCH_MAX);
    }
    size = (size_t)*count * sizeof(**ids);
    waggle_id *parsed = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    if (parsed == NULL) return wg_fail_memory(error, size, "ids");
    for (uint32_t i = 0; i < *count && status == WAGGLE_OK; i++) {
        status = cli_id_parse(cli_argument(cli, i + 1), &parsed[i], error);
    }
    if (status != WAGGLE_OK) {
        wg_free(parsed);
        return cli_is_usage(cli, status);
    }
    *ids = parsed;
    return WAGGLE_OK;
}

static waggle_status put_record(cli_output *output, const waggle_record *record, bool payload,
                                bool vectors, waggle_error *error)
{
    wg_buffer text = {0};
    bool complete = true;

    cli_put_id(output, &record->id);
    cli_put_u64(output, record->version);
    if (payload) cli_put_json(output, record->payload.data, record->payload.size);
    if (vectors) {
        wg_buffer_init(&text, NULL, WG_MEMORY_SCRATCH);
        complete = cli_vectors_json(record->vectors, record->vector_count, &text);
        cli_put_json(output, (const char *)text.data, complete ? text.size : 0);
        wg_buffer_finish(&text);
    }
    cli_row_end(output);
    return complete ? WAGGLE_OK : wg_fail_memory(error, text.size, "a vector");
}

// The points that were found go to the output; of the others, the error names the first.
static waggle_status print_records(cli_context *cli, const waggle_records *records,
                                   waggle_error *error)
{
    static const cli_column all[] = {
        {"id",      false},
        {"version", true },
        {"payload", false},
        {"vector",  false},
    };
    bool payload = !cli_has(&cli->args, "no-payload");
    bool vectors = cli_has(&cli->args, "with-vectors");
    cli_column columns[WG_COUNT(all)];
    uint32_t count = 0;
    cli_output output;
    waggle_status status = WAGGLE_OK;
    uint64_t missing = 0;
    char first[WAGGLE_ID_TEXT_SIZE] = "";

    for (uint32_t i = 0; i < WG_COUNT(all); i++) {
        if ((i == 2 && !payload) || (i == 3 && !vectors)) continue;
        columns[count++] = all[i];
    }
    cli_output_begin(&output, cli->style, columns, count);
    for (uint64_t i = 0; i < waggle_records_count(records) && status == WAGGLE_OK; i++) {
        const waggle_record *record = waggle_records_at(records, i);
        if (record->found) {
            status = put_record(&output, record, payload, vectors, error);
        } else if (missing++ == 0) {
            waggle_id_format(&record->id, first, sizeof(first));
        }
    }
    waggle_status written = cli_output_end(&output, status == WAGGLE_OK ? error : NULL);
    if (status != WAGGLE_OK) return status;
    if (written != WAGGLE_OK || missing == 0) return written;
    return wg_fail(error, WAGGLE_NOT_FOUND, "%" PRIu64 " of %" PRIu64 " points not found: %s%s",
                   missing, waggle_records_count(records), first, missing == 1 ? "" : ", ...");
}

waggle_status cli_get(cli_context *cli, waggle_error *error)
{
    waggle_id *ids = NULL;
    uint64_t count = 0;
    cli_session session;
    waggle_records *records = NULL;
    const waggle_read_options *options =
        waggle_read_options(.without_payload = cli_has(&cli->args, "no-payload"),
                            .with_vectors = cli_has(&cli->args, "with-vectors"));
    waggle_status status = read_ids(cli, &ids, &count, error);

    if (status != WAGGLE_OK) return status;
    status = cli_session_open(cli, CLI_READ, cli_argument(cli, 0), 0, &session, error);
    if (status == WAGGLE_OK) {
        status = waggle_get(session.collection, ids, count, options, &records, error);
        if (status == WAGGLE_OK) status = print_records(cli, records, error);
        waggle_records_destroy(records);
        status = cli_session_close(&session, status, error);
    }
    wg_free(ids);
    return status;
}

waggle_status cli_delete(cli_context *cli, waggle_error *error)
{
    waggle_id *ids = NULL;
    uint64_t count = 0, deleted = 0, sequence = 0;
    cli_session session;
    waggle_status status = read_ids(cli, &ids, &count, error);

    if (status != WAGGLE_OK) return status;
    status = cli_session_open(cli, CLI_WRITE, cli_argument(cli, 0), 0, &session, error);
    if (status == WAGGLE_OK) {
        status = waggle_delete(session.collection, ids, count, &deleted, &sequence, error);
        if (status == WAGGLE_OK) status = print_write(cli, "deleted", deleted, sequence, error);
        status = cli_session_close(&session, status, error);
    }
    wg_free(ids);
    return status;
}

waggle_status cli_count(cli_context *cli, waggle_error *error)
{
    static const cli_column columns[] = {
        {"points", true},
    };
    cli_session session;
    cli_output output;
    uint64_t count = 0;
    waggle_status status =
        cli_session_open(cli, CLI_READ, cli_argument(cli, 0), 0, &session, error);

    if (status != WAGGLE_OK) return status;
    status = waggle_count(session.collection, &count, error);
    if (status == WAGGLE_OK) {
        cli_output_record(&output, cli->style, columns, WG_COUNT(columns));
        cli_put_u64(&output, count);
        cli_row_end(&output);
        status = cli_output_end(&output, error);
    }
    return cli_session_close(&session, status, error);
}
