// export: all points of a collection in id order, in files that import reads back.
//
// jsonl       {"id": 7, "vector": [..], "payload": {..}, "version": 12} per point; named vectors as an
//             object of arrays
// npy+jsonl   PATH.npy, the vectors as NumPy 1.0 in C order (of named vectors PATH.NAME.npy each), and
//             PATH.jsonl, per row the payload with the id as its first member "_id":
//             import C PATH.npy --payload PATH.jsonl --id-field _id gives the same points
//
// npy has no bfloat16 and no bits: bf16 becomes f4, which holds it exactly, and a bit the u1 0 or 1.
#include "base/system.h"
#include "cli/database.h"
#include "cli/file_writer.h"
#include "cli/progress.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

#define NPY_HEADER_SIZE 128u // magic, version, the size of the text, the text; a multiple of 64
#define NPY_PREFIX_SIZE 10u

typedef struct exporter {
    cli_context *cli;
    cli_session session;
    cli_file_writer lines;
    cli_file_writer matrices[WAGGLE_VECTOR_NAMES_MAX];
    wg_buffer text; // scratch of a row
    uint64_t rows;
    uint64_t bytes;
} exporter;

// ---- npy ---------------------------------------------------------------------------------------

static const char *npy_type(waggle_type type)
{
    switch (type) {
    case WAGGLE_F16: return "<f2";
    case WAGGLE_U8:
    case WAGGLE_B1: return "|u1";
    case WAGGLE_I8: return "|i1";
    case WAGGLE_TYPE_DEFAULT:
    case WAGGLE_F32:
    case WAGGLE_BF16: break;
    }
    return "<f4";
}

static waggle_status write_npy_header(cli_file_writer *writer, const waggle_vector_spec *spec,
                                      uint64_t rows, waggle_error *error)
{
    char header[NPY_HEADER_SIZE + 1];

    memset(header, ' ', sizeof(header));
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(NPY_HEADER_SIZE - NPY_PREFIX_SIZE);
    header[9] = 0;
    int size = snprintf(header + NPY_PREFIX_SIZE, NPY_HEADER_SIZE - NPY_PREFIX_SIZE,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ", %u), }",
                        npy_type(spec->type), rows, spec->dim);
    header[NPY_PREFIX_SIZE + size] = ' ';
    header[NPY_HEADER_SIZE - 1] = '\n';
    if (writer->offset + writer->buffer.size == 0) {
        return cli_file_write(writer, header, NPY_HEADER_SIZE, error);
    }
    return cli_file_patch(writer, header, NPY_HEADER_SIZE, error);
}

static waggle_status write_npy_row(exporter *ex, uint32_t index, const waggle_record *record,
                                   waggle_error *error)
{
    const waggle_vector *vector = &record->vectors[index];
    char id[WAGGLE_ID_TEXT_SIZE];

    if (vector->data == NULL) {
        waggle_id_format(&record->id, id, sizeof(id));
        cli_hint(ex->cli, "--format jsonl can leave a vector out.");
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "the point %s lacks the vector %s, and npy has no way to say so", id,
                       vector->name == NULL ? "" : vector->name);
    }
    ex->bytes += waggle_vector_size(vector->type, vector->dim);
    if (vector->type != WAGGLE_BF16 && vector->type != WAGGLE_B1) {
        return cli_file_write(&ex->matrices[index], vector->data,
                              waggle_vector_size(vector->type, vector->dim), error);
    }
    ex->text.size = 0;
    for (uint32_t i = 0; i < vector->dim; i++) {
        float value = cli_component(vector->type, vector->data, i);
        uint8_t bit = value != 0;
        bool kept = vector->type == WAGGLE_B1 ? wg_buffer_append(&ex->text, &bit, 1)
                                              : wg_buffer_append(&ex->text, &value, sizeof(value));
        if (!kept) return wg_fail_memory(error, ex->text.size, "a row");
    }
    return cli_file_write(&ex->matrices[index], ex->text.data, ex->text.size, error);
}

// ---- Lines -------------------------------------------------------------------------------------

static void put_id_value(wg_json_writer *json, const waggle_id *id)
{
    char text[WAGGLE_ID_TEXT_SIZE];

    if (id->kind == WAGGLE_ID_NUMBER) {
        wg_json_put_u64(json, id->value.number);
    } else {
        wg_json_put_string(json, text, waggle_id_format(id, text, sizeof(text)));
    }
}

static waggle_status write_text(exporter *ex, bool complete, waggle_error *error)
{
    if (!complete) return wg_fail_memory(error, ex->text.size, "a row");
    cli_one_line(ex->text.data, ex->text.size - 1);
    return cli_file_write(&ex->lines, ex->text.data, ex->text.size, error);
}

// {"_id": 7, "label": "cat"}
static waggle_status write_payload_line(exporter *ex, const waggle_record *record,
                                        waggle_error *error)
{
    wg_json_writer json;
    const waggle_text *payload = &record->payload;
    bool complete = true;
    size_t from = 0, to = payload->size;

    ex->text.size = 0;
    complete &= cli_append(&ex->text, "{\"_id\":");
    wg_json_writer_init(&json, &ex->text, false);
    put_id_value(&json, &record->id);
    complete &= !json.failed;
    // The members of the payload as they stand between its braces.
    while (from < to && payload->data[from] != '{') {
        from++;
    }
    while (to > from && payload->data[to - 1] != '}') {
        to--;
    }
    if (to > from + 1) {
        size_t size = to - from - 2;
        const char *members = payload->data + from + 1;
        bool blank = true;
        for (size_t i = 0; i < size; i++) {
            blank = blank && strchr(" \t\r\n", members[i]) != NULL;
        }
        if (!blank) {
            complete &= cli_append(&ex->text, ",") && wg_buffer_append(&ex->text, members, size);
        }
    }
    complete &= cli_append(&ex->text, "}\n");
    return write_text(ex, complete, error);
}

static waggle_status write_point_line(exporter *ex, const waggle_record *record,
                                      waggle_error *error)
{
    wg_json_writer json;
    wg_buffer vectors;

    wg_buffer_init(&vectors, NULL, WG_MEMORY_SCRATCH);
    ex->text.size = 0;
    bool complete = cli_vectors_json(record->vectors, record->vector_count, &vectors);
    wg_json_writer_init(&json, &ex->text, false);
    wg_json_object_begin(&json);
    wg_json_key(&json, "id");
    put_id_value(&json, &record->id);
    wg_json_key(&json, "vector");
    wg_json_put_raw(&json, (const char *)vectors.data, vectors.size);
    wg_json_key(&json, "payload");
    if (record->payload.size > 0) {
        wg_json_put_raw(&json, record->payload.data, record->payload.size);
    } else {
        wg_json_put_null(&json);
    }
    wg_json_key(&json, "version");
    wg_json_put_u64(&json, record->version);
    wg_json_object_end(&json);
    complete = complete && !json.failed && cli_append(&ex->text, "\n");
    wg_buffer_finish(&vectors);
    return write_text(ex, complete, error);
}

// ---- The command -------------------------------------------------------------------------------

static waggle_status write_record(exporter *ex, bool npy, const waggle_record *record,
                                  waggle_error *error)
{
    waggle_status status = WAGGLE_OK;

    ex->rows++;
    if (!npy) return write_point_line(ex, record, error);
    for (uint32_t i = 0; i < ex->session.info->vector_count && status == WAGGLE_OK; i++) {
        status = write_npy_row(ex, i, record, error);
    }
    return status == WAGGLE_OK ? write_payload_line(ex, record, error) : status;
}

static waggle_status write_all(exporter *ex, bool npy, waggle_error *error)
{
    waggle_cursor *cursor = NULL;
    const waggle_record *record = NULL;
    cli_progress progress;
    waggle_status status = waggle_cursor_open(
        ex->session.collection, waggle_read_options(.with_vectors = true), &cursor, error);

    if (status != WAGGLE_OK) return status;
    cli_progress_begin(&progress, "export", ex->cli->quiet);
    wg_interrupt_catch();
    while (status == WAGGLE_OK) {
        status = waggle_cursor_next(cursor, &record, error);
        if (status != WAGGLE_OK || record == NULL) break;
        status = write_record(ex, npy, record, error);
        cli_progress_state state = {ex->rows, ex->rows, ex->session.info->points, ex->bytes};
        cli_progress_update(&progress, &state);
        if (status == WAGGLE_OK && wg_interrupted()) {
            status = wg_fail(error, WAGGLE_CANCELED, "interrupted; nothing was kept");
        }
    }
    cli_progress_end(&progress);
    waggle_cursor_close(cursor);
    return status;
}

// PATH.npy, or PATH.NAME.npy of a named vector.
static waggle_status create_matrix(exporter *ex, const char *out, uint32_t index,
                                   waggle_error *error)
{
    const waggle_vector_spec *spec = &ex->session.info->vectors[index];
    char path[WG_PATH_SIZE_MAX];
    bool named = spec->name != NULL && spec->name[0] != '\0';

    if (named && !wg_name_is_safe(spec->name)) {
        return wg_fail(error, WAGGLE_UNSUPPORTED,
                       "the vector's name \"%s\" cannot stand in the name of a file", spec->name);
    }
    int size =
        snprintf(path, sizeof(path), "%s%s%s.npy", out, named ? "." : "", named ? spec->name : "");
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return wg_fail(error, WAGGLE_INVALID, "the path %.80s... is too long", out);
    }
    waggle_status status = cli_file_create(&ex->matrices[index], path, error);
    return status == WAGGLE_OK ? write_npy_header(&ex->matrices[index], spec, 0, error) : status;
}

static waggle_status create_files(exporter *ex, const char *out, bool npy, waggle_error *error)
{
    char path[WG_PATH_SIZE_MAX];
    waggle_status status = WAGGLE_OK;

    if (!npy) return cli_file_create(&ex->lines, out, error);
    if (strcmp(out, "-") == 0) {
        return cli_usage(ex->cli, error, "npy+jsonl makes two files; --out names them");
    }
    int size = snprintf(path, sizeof(path), "%s.jsonl", out);
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return wg_fail(error, WAGGLE_INVALID, "the path %.80s... is too long", out);
    }
    status = cli_file_create(&ex->lines, path, error);
    for (uint32_t i = 0; i < ex->session.info->vector_count && status == WAGGLE_OK; i++) {
        status = create_matrix(ex, out, i, error);
    }
    return status;
}

static waggle_status finish_files(exporter *ex, bool npy, waggle_status status, waggle_error *error)
{
    uint32_t count = ex->session.info->vector_count;

    for (uint32_t i = 0; npy && i < count && status == WAGGLE_OK; i++) {
        status = write_npy_header(&ex->matrices[i], &ex->session.info->vectors[i], ex->rows, error);
    }
    for (uint32_t i = 0; i < count; i++) {
        status = cli_file_finish(&ex->matrices[i], status, error);
    }
    return cli_file_finish(&ex->lines, status, error);
}

waggle_status cli_export(cli_context *cli, waggle_error *error)
{
    const char *format = cli_value(&cli->args, "format");
    const char *out = cli_value(&cli->args, "out");
    bool npy = format != NULL && strcmp(format, "npy+jsonl") == 0;
    exporter ex = {.cli = cli};
    waggle_status status = WAGGLE_OK;

    if (out == NULL) {
        return cli_usage(cli, error, "export needs --out PATH (\"-\" is the standard output)");
    }
    status = cli_session_open(cli, CLI_READ, cli_argument(cli, 0), 0, &ex.session, error);
    if (status != WAGGLE_OK) return status;
    wg_buffer_init(&ex.text, NULL, WG_MEMORY_SCRATCH);
    status = create_files(&ex, out, npy, error);
    if (status == WAGGLE_EXISTS) cli_hint(cli, "Nothing is overwritten: choose another --out.");
    if (status == WAGGLE_OK) status = write_all(&ex, npy, error);
    status = finish_files(&ex, npy, status, error);
    if (status == WAGGLE_OK) {
        cli_say(cli, "exported %" PRIu64 " points of %s", ex.rows, ex.session.info->name);
    }
    wg_buffer_finish(&ex.text);
    return cli_session_close(&ex.session, status, error);
}
