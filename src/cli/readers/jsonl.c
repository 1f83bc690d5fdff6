// jsonl: one JSON object per line, in the form that reader.h describes.
//
// A row is read in one pass. What becomes of the fields that are neither id, vector nor "payload" is known
// only at its end, so they are collected as an object of their own on the way.
#include "cli/readers/source.h"

#include <stdio.h>
#include <string.h>

#define PAYLOAD_FIELD "payload"
#define VERSION_FIELD "version" // written by export; waggle_upsert() gives new ones

typedef enum tristate {
    UNKNOWN,
    NO,
    YES,
} tristate;

typedef struct jsonl {
    cli_source source;
    cli_lines lines;
    char *id_field;
    char *vector_field;
    bool id_required;
    tristate has_ids; // the first row decides
    float *values;    // one vector of any dimension
    wg_buffer others; // {"field":value, of this row's other fields
    // Of the row that is being read.
    wg_json_reader reader;
    bool has_vector;
    bool has_payload;
    waggle_text payload; // raw, in the line; {NULL, 0} = null
    char first_other[CLI_COLUMN_SHOWN];
} jsonl;

// ---- Fields ------------------------------------------------------------------------------------

static cli_step bad_json(jsonl *file, const char *column, waggle_error *error)
{
    return cli_bad_row_context(&file->source, column, error);
}

static cli_step bad_twice(jsonl *file, const char *field, waggle_error *error)
{
    return cli_bad_row(&file->source, WAGGLE_INVALID, field, error,
                       "the field \"%s\" is there twice", field);
}

// The start of a value, for messages.
static int shown_size(const jsonl *file)
{
    return (int)WG_MIN(file->reader.token_size, 40);
}

static cli_step read_string_id(jsonl *file, cli_builder *builder, waggle_error *error)
{
    waggle_text text;
    if (wg_json_string(&file->reader, &builder->texts, &text, error) != WAGGLE_OK) {
        return CLI_FAILED;
    }
    if (text.size == 0 || text.size > WAGGLE_ID_SIZE_MAX) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, file->id_field, error,
                           "the id has %zu bytes; it must have 1 to %u", text.size,
                           WAGGLE_ID_SIZE_MAX);
    }
    char *copy = wg_arena_alloc(&builder->texts, text.size + 1, 1);
    if (copy == NULL) return cli_no_memory(error, text.size + 1);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (memchr(copy, '\0', text.size) != NULL) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, file->id_field, error,
                           "the id holds a NUL character");
    }
    if (waggle_id_uuid(copy, &builder->id, NULL) != WAGGLE_OK) {
        builder->id = (waggle_id){
            .kind = WAGGLE_ID_STRING, .size = (uint32_t)text.size, .value.string = copy};
    }
    return CLI_ROW;
}

static cli_step read_id(jsonl *file, cli_builder *builder, wg_json_token token, waggle_error *error)
{
    if (builder->has_id) return bad_twice(file, file->id_field, error);
    builder->has_id = true;
    uint64_t number;
    switch (token) {
    case WG_JSON_NUMBER:
        if (wg_json_u64(&file->reader, &number, error) != WAGGLE_OK) {
            return bad_json(file, file->id_field, error);
        }
        builder->id = waggle_id_number(number);
        return CLI_ROW;
    case WG_JSON_STRING: return read_string_id(file, builder, error);
    default:
        return cli_bad_row(&file->source, WAGGLE_INVALID, file->id_field, error,
                           "the id is %.*s; it must be a number or a string", shown_size(file),
                           file->reader.token);
    }
}

// The column for a vector of this name: the one that is there, or a new one of the row's dimension.
static cli_step find_column(jsonl *file, cli_builder *builder, waggle_text name, uint32_t dim,
                            cli_column **found, waggle_error *error)
{
    cli_source *source = &file->source;
    *found = cli_builder_find(builder, name.data, name.size);
    if (*found != NULL) return CLI_ROW;
    if (source->dim != 0 && dim != source->dim) {
        return cli_bad_dim(source, dim, source->dim, file->vector_field, error);
    }
    if (builder->column_count == WAGGLE_VECTOR_NAMES_MAX) {
        return cli_bad_row(source, WAGGLE_INVALID, file->vector_field, error,
                           "the vector \"%.*s\" is one name more than %u, which is the most",
                           (int)WG_MIN(name.size, 60), name.data, WAGGLE_VECTOR_NAMES_MAX);
    }
    *found = cli_builder_add(builder, name.data, name.size, WAGGLE_F32, dim);
    return *found != NULL ? CLI_ROW : cli_no_memory(error, dim);
}

// "vector" or "vector.title", for messages.
static void write_label(const jsonl *file, waggle_text name, char *label)
{
    snprintf(label, CLI_COLUMN_SHOWN, "%s%s%.*s", file->vector_field, name.size > 0 ? "." : "",
             (int)WG_MIN(name.size, CLI_COLUMN_SHOWN), name.size > 0 ? name.data : "");
}

// An array of numbers, behind its bracket.
static cli_step read_vector(jsonl *file, cli_builder *builder, waggle_text name,
                            waggle_error *error)
{
    char label[CLI_COLUMN_SHOWN];
    cli_column *column;
    uint32_t dim = WAGGLE_DIM_MAX;

    write_label(file, name, label);
    waggle_status status = wg_json_floats(&file->reader, file->values, &dim, error);
    if (status == WAGGLE_INVALID) return bad_json(file, label, error);
    if (dim == 0 || dim > WAGGLE_DIM_MAX) {
        return cli_bad_row(&file->source, WAGGLE_DIMENSION, label, error,
                           "%s has %" PRIu32 " components; it must have 1 to %u", label, dim,
                           WAGGLE_DIM_MAX);
    }
    cli_step step = find_column(file, builder, name, dim, &column, error);
    if (step != CLI_ROW) return step;
    if (column->dim != dim) {
        return cli_bad_dim(&file->source, dim, column->dim, label, error);
    }
    if (cli_builder_has(builder, column)) return bad_twice(file, label, error);
    float *target = cli_builder_vector(builder, column);
    if (target == NULL) return cli_no_memory(error, column->row_size);
    memcpy(target, file->values, column->row_size);
    return CLI_ROW;
}

// {"title": [...], "image": [...]}, behind its bracket.
static cli_step read_named_vectors(jsonl *file, cli_builder *builder, waggle_error *error)
{
    for (;;) {
        wg_json_token token;
        waggle_text name;
        if (wg_json_next(&file->reader, &token, error) != WAGGLE_OK) {
            return bad_json(file, file->vector_field, error);
        }
        if (token == WG_JSON_OBJECT_END) return CLI_ROW;
        if (wg_json_string(&file->reader, &builder->texts, &name, error) != WAGGLE_OK) {
            return CLI_FAILED;
        }
        if (name.size > WAGGLE_VECTOR_NAME_SIZE_MAX ||
            (name.size > 0 && memchr(name.data, '\0', name.size) != NULL)) {
            return cli_bad_row(&file->source, WAGGLE_INVALID, file->vector_field, error,
                               "the name of a vector has %zu bytes; the most is %u, without NUL",
                               name.size, WAGGLE_VECTOR_NAME_SIZE_MAX);
        }
        if (wg_json_next(&file->reader, &token, error) != WAGGLE_OK) {
            return bad_json(file, file->vector_field, error);
        }
        if (token != WG_JSON_ARRAY_BEGIN) {
            return cli_bad_row(&file->source, WAGGLE_INVALID, file->vector_field, error,
                               "the vector \"%.*s\" is no array of numbers",
                               (int)WG_MIN(name.size, 60), name.data);
        }
        cli_step step = read_vector(file, builder, name, error);
        if (step != CLI_ROW) return step;
    }
}

static cli_step read_vectors(jsonl *file, cli_builder *builder, wg_json_token token,
                             waggle_error *error)
{
    if (file->has_vector) return bad_twice(file, file->vector_field, error);
    file->has_vector = true;
    if (token == WG_JSON_ARRAY_BEGIN) {
        return read_vector(file, builder, (waggle_text){"", 0}, error);
    }
    if (token == WG_JSON_OBJECT_BEGIN) return read_named_vectors(file, builder, error);
    return cli_bad_row(&file->source, WAGGLE_INVALID, file->vector_field, error,
                       "%s is %.*s; it must be an array of numbers or an object of such arrays",
                       file->vector_field, shown_size(file), file->reader.token);
}

static cli_step read_payload(jsonl *file, wg_json_token token, waggle_error *error)
{
    if (file->has_payload) return bad_twice(file, PAYLOAD_FIELD, error);
    file->has_payload = true;
    if (token == WG_JSON_NULL) return CLI_ROW;
    if (token != WG_JSON_OBJECT_BEGIN) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, PAYLOAD_FIELD, error,
                           "the payload is %.*s; it must be an object or null", shown_size(file),
                           file->reader.token);
    }
    if (wg_json_raw(&file->reader, token, &file->payload, error) != WAGGLE_OK) {
        return bad_json(file, PAYLOAD_FIELD, error);
    }
    return CLI_ROW;
}

// Any other field, with its key as it stands in the text.
static cli_step read_other(jsonl *file, waggle_text key, wg_json_token token, waggle_error *error)
{
    waggle_text value;
    if (wg_json_raw(&file->reader, token, &value, error) != WAGGLE_OK) {
        return bad_json(file, "", error);
    }
    if (file->others.size == 0 ||
        (file->first_other[0] != '\0' && strcmp(file->first_other, VERSION_FIELD) == 0)) {
        snprintf(file->first_other, sizeof file->first_other, "%.*s",
                 (int)WG_MIN(key.size, sizeof file->first_other - 1), key.data);
    }
    wg_buffer *others = &file->others;
    bool added = wg_buffer_append(others, others->size == 0 ? "{\"" : ",\"", 2) &&
                 wg_buffer_append(others, key.data, key.size) &&
                 wg_buffer_append(others, "\":", 2) &&
                 wg_buffer_append(others, value.data, value.size);
    return added ? CLI_ROW : cli_no_memory(error, value.size);
}

// ---- Rows --------------------------------------------------------------------------------------

static cli_step read_field(jsonl *file, cli_builder *builder, waggle_error *error)
{
    wg_json_reader *reader = &file->reader;
    waggle_text key = {reader->token, reader->token_size};
    bool is_id = wg_json_equals(reader, file->id_field);
    bool is_vector = wg_json_equals(reader, file->vector_field);
    bool is_payload = wg_json_equals(reader, PAYLOAD_FIELD);

    wg_json_token token;
    if (wg_json_next(reader, &token, error) != WAGGLE_OK) return bad_json(file, "", error);
    if (is_id) return read_id(file, builder, token, error);
    if (is_vector) return read_vectors(file, builder, token, error);
    if (is_payload) return read_payload(file, token, error);
    return read_other(file, key, token, error);
}

static cli_step check_ids(jsonl *file, const cli_builder *builder, waggle_error *error)
{
    cli_source *source = &file->source;
    if (file->id_required && !builder->has_id) {
        return cli_bad_row(source, WAGGLE_INVALID, file->id_field, error,
                           "the field \"%s\" is missing", file->id_field);
    }
    if (file->has_ids == UNKNOWN) file->has_ids = builder->has_id ? YES : NO;
    if ((file->has_ids == YES) == builder->has_id) return CLI_ROW;
    return cli_bad_row(source, WAGGLE_INVALID, file->id_field, error,
                       builder->has_id ? "the field \"%s\" is there; the rows before have none"
                                       : "the field \"%s\" is missing; the rows before have it",
                       file->id_field);
}

// What the row's end decides.
static cli_step complete_row(jsonl *file, cli_builder *builder, waggle_error *error)
{
    cli_source *source = &file->source;
    if (!file->has_vector) {
        return cli_bad_row(source, WAGGLE_INVALID, file->vector_field, error,
                           "the field \"%s\" is missing", file->vector_field);
    }
    cli_step step = check_ids(file, builder, error);
    if (step != CLI_ROW) return step;

    bool others = file->others.size > 0;
    if (file->has_payload && others && strcmp(file->first_other, VERSION_FIELD) != 0) {
        return cli_bad_row(source, WAGGLE_INVALID, file->first_other, error,
                           "the field \"%s\" stands beside \"" PAYLOAD_FIELD
                           "\"; it belongs into it",
                           file->first_other);
    }
    waggle_text payload = file->payload;
    if (!file->has_payload && others) {
        if (!wg_buffer_append(&file->others, "}", 1)) return cli_no_memory(error, 1);
        payload = (waggle_text){(const char *)file->others.data, file->others.size};
    }
    if (payload.data == NULL) return CLI_ROW;
    return cli_add_payload(source, builder, payload.data, payload.size, error);
}

static cli_step read_row(jsonl *file, cli_builder *builder, waggle_error *error)
{
    wg_json_token token;
    wg_json_reader *reader = &file->reader;
    wg_json_reader_init(reader, (const char *)file->lines.line.data, file->lines.line.size);
    file->others.size = 0;
    file->has_vector = file->has_payload = false;
    file->payload = (waggle_text){0};
    file->first_other[0] = '\0';

    if (wg_json_next(reader, &token, error) != WAGGLE_OK) return bad_json(file, "", error);
    if (token != WG_JSON_OBJECT_BEGIN) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                           "the line begins with %.*s; it must be a JSON object", shown_size(file),
                           reader->token);
    }
    for (;;) {
        if (wg_json_next(reader, &token, error) != WAGGLE_OK) return bad_json(file, "", error);
        if (token == WG_JSON_OBJECT_END) break;
        cli_step step = read_field(file, builder, error);
        if (step != CLI_ROW) return step;
    }
    if (wg_json_next(reader, &token, error) != WAGGLE_OK) return bad_json(file, "", error);
    return complete_row(file, builder, error);
}

// The next line that is a row.
static cli_step next_line(jsonl *file, waggle_error *error)
{
    cli_step step;
    do {
        step = cli_lines_next(&file->lines, error);
    } while (step == CLI_ROW && cli_lines_blank(&file->lines));
    file->source.line = file->lines.begin;
    return step;
}

static cli_step jsonl_next(cli_source *source, cli_builder *builder, waggle_error *error)
{
    jsonl *file = (jsonl *)source;
    cli_step step = next_line(file, error);
    if (step == CLI_BAD) return cli_bad_row_context(source, "", error);
    if (step != CLI_ROW) return step;
    step = read_row(file, builder, error);
    if (step == CLI_ROW) source->row++;
    return step;
}

static cli_step jsonl_skip(cli_source *source, waggle_error *error)
{
    cli_step step = next_line((jsonl *)source, error);
    if (step == CLI_ROW || step == CLI_BAD) source->row++;
    return step == CLI_BAD ? CLI_ROW : step;
}

static waggle_status jsonl_open(cli_source *source, const cli_reader_options *options,
                                waggle_error *error)
{
    jsonl *file = (jsonl *)source;
    const char *id = options->id_field != NULL ? options->id_field : "id";
    const char *vector = options->vector_field != NULL ? options->vector_field : "vector";
    size_t size = WAGGLE_DIM_MAX * sizeof(float);

    wg_buffer_init(&file->others, NULL, WG_MEMORY_SCRATCH);
    file->id_required = options->id_field != NULL;
    file->id_field = wg_strdup(NULL, WG_MEMORY_SCRATCH, id);
    file->vector_field = wg_strdup(NULL, WG_MEMORY_SCRATCH, vector);
    file->values = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    bool made = cli_lines_init(&file->lines, source->stream) && file->id_field != NULL &&
                file->vector_field != NULL && file->values != NULL;
    return made ? WAGGLE_OK : wg_fail_memory(error, size, "reading jsonl");
}

static void jsonl_close(cli_source *source)
{
    jsonl *file = (jsonl *)source;
    cli_lines_finish(&file->lines);
    wg_buffer_finish(&file->others);
    wg_free(file->id_field);
    wg_free(file->vector_field);
    wg_free(file->values);
}

const cli_source_ops cli_jsonl_ops = {
    .size = sizeof(jsonl),
    .open = jsonl_open,
    .close = jsonl_close,
    .next = jsonl_next,
    .skip = jsonl_skip,
};
