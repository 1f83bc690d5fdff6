// csv and tsv (RFC 4180): a header row, cells that may be quoted, quotes doubled within quotes, line breaks
// within quotes. Strict: a quote within a cell that is not quoted, text behind a closing quote and rows of
// another number of cells are bad rows, since each is the trace of a file that was put together wrongly.
// reader.h says which columns become what.
#include "cli/readers/source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct csv_cell {
    size_t begin; // in the line, unquoted in place
    size_t size;
    bool quoted;
} csv_cell;

typedef enum role {
    ROLE_PAYLOAD,
    ROLE_ID,
    ROLE_VECTOR,    // [0.1,0.2]
    ROLE_COMPONENT, // v0
} role;

typedef struct csv_column {
    char *name;
    role role;
    uint64_t number; // of a component, as its name says; then its index
} csv_column;

typedef struct csv {
    cli_source source;
    cli_lines lines;
    char delimiter;
    wg_buffer cells;
    csv_column *columns;
    uint32_t column_count;
    uint32_t components; // 0 = the vector is in one column
    bool has_id;
    uint32_t dim; // of the vector column; 0 before the first row
    float *values;
    wg_buffer payload;
} csv;

// ---- Records -----------------------------------------------------------------------------------

static const char *line_text(const csv *file)
{
    return (const char *)file->lines.line.data;
}

// Where the record ends, outside of quotes: a carriage return before the line feed is not part of it.
static size_t record_end(const csv *file)
{
    const wg_buffer *line = &file->lines.line;
    bool pair = line->size > 0 && line->data[line->size - 1] == '\r';
    return line->size - (pair ? 1 : 0);
}

// Goes on in the next line of a quoted cell.
static cli_step extend_quoted(csv *file, waggle_error *error)
{
    cli_step step = cli_lines_extend(&file->lines, error);
    if (step == CLI_ROW || step == CLI_FAILED) return step;
    if (step == CLI_END) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                           "a quoted cell does not end before the end of the file");
    }
    wg_fail(error, WAGGLE_INVALID,
            "%s: row %" PRIu64 " (line %" PRIu64
            "): a quoted cell makes the row longer than %zu MiB, which is the most",
            file->source.path, file->source.row, file->source.line, CLI_LINE_SIZE_MAX >> 20);
    return CLI_FAILED; // where the next row begins is not known
}

// The cell behind an opening quote at *at; its text moves over the quotes. *at will be at what follows.
static cli_step read_quoted(csv *file, size_t *at, csv_cell *cell, waggle_error *error)
{
    size_t from = *at + 1, to = from;
    cell->begin = from;
    cell->quoted = true;
    for (;; from++) {
        if (from == file->lines.line.size) {
            cli_step step = extend_quoted(file, error);
            if (step != CLI_ROW) return step;
        }
        char *text = (char *)file->lines.line.data;
        if (text[from] == '"') {
            if (from + 1 >= file->lines.line.size || text[from + 1] != '"') break;
            from++;
        }
        text[to++] = text[from];
    }
    cell->size = to - cell->begin;
    *at = from + 1;
    return CLI_ROW;
}

static cli_step read_plain(csv *file, size_t *at, csv_cell *cell, waggle_error *error)
{
    const char *text = line_text(file);
    size_t end = *at, limit = record_end(file);
    while (end < limit && text[end] != file->delimiter && text[end] != '"')
        end++;
    if (end < limit && text[end] == '"') {
        return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                           "cell %zu has a quote in it but is not quoted",
                           file->cells.size / sizeof *cell + 1);
    }
    *cell = (csv_cell){.begin = *at, .size = end - *at};
    *at = end;
    return CLI_ROW;
}

// Splits the line, and those that quoted cells go on in, into cells.
static cli_step split(csv *file, waggle_error *error)
{
    size_t at = 0;
    file->cells.size = 0;
    for (;;) {
        csv_cell cell = {0};
        bool quoted = at < file->lines.line.size && line_text(file)[at] == '"';
        cli_step step =
            quoted ? read_quoted(file, &at, &cell, error) : read_plain(file, &at, &cell, error);
        if (step != CLI_ROW) return step;
        if (!wg_buffer_append(&file->cells, &cell, sizeof cell)) {
            return cli_no_memory(error, sizeof cell);
        }
        if (at >= record_end(file)) return CLI_ROW;
        if (line_text(file)[at] != file->delimiter) {
            return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                               "text stands behind the closing quote of cell %zu",
                               file->cells.size / sizeof cell);
        }
        at++;
    }
}

// The next record that is not an empty line.
static cli_step read_record(csv *file, waggle_error *error)
{
    cli_step step;
    do {
        step = cli_lines_next(&file->lines, error);
    } while (step == CLI_ROW && cli_lines_blank(&file->lines));
    file->source.line = file->lines.begin;
    if (step == CLI_BAD) return cli_bad_row_context(&file->source, "", error);
    if (step != CLI_ROW) return step;
    step = split(file, error);
    if (step != CLI_ROW) return step;

    size_t size = file->lines.line.size, valid = wg_utf8_valid_size(line_text(file), size);
    if (valid == size) return CLI_ROW;
    return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                       "byte %zu is 0x%02x, which is not valid UTF-8", valid + 1,
                       file->lines.line.data[valid]);
}

static csv_cell *cell_at(const csv *file, uint32_t index)
{
    return &((csv_cell *)(void *)file->cells.data)[index];
}

// ---- Header ------------------------------------------------------------------------------------

static waggle_status fail_header(const csv *file, waggle_error *error, const char *what,
                                 const char *name)
{
    return wg_fail(error, WAGGLE_INVALID, "%s: the header %s\"%.80s\"", file->source.path, what,
                   name);
}

static int by_name(const void *a, const void *b)
{
    const csv_column *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static waggle_status check_names(const csv *file, waggle_error *error)
{
    uint32_t count = file->column_count;
    const csv_column **sorted = wg_alloc(NULL, WG_MEMORY_SCRATCH, count * sizeof *sorted);
    if (sorted == NULL) return wg_fail_memory(error, count * sizeof *sorted, "a csv header");
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &file->columns[i];
    qsort(sorted, count, sizeof *sorted, by_name);

    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 1; i < count && status == WAGGLE_OK; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            status = fail_header(file, error, "has twice the column ", sorted[i]->name);
        }
    }
    wg_free(sorted);
    return status;
}

static waggle_status copy_names(csv *file, waggle_error *error)
{
    size_t count = file->cells.size / sizeof(csv_cell);
    file->columns = wg_alloc_zeroed(NULL, WG_MEMORY_SCRATCH, count * sizeof *file->columns);
    if (file->columns == NULL) return wg_fail_memory(error, count, "a csv header");
    file->column_count = (uint32_t)count; // a line has fewer bytes than 2^32
    for (uint32_t i = 0; i < count; i++) {
        const csv_cell *cell = cell_at(file, i);
        const char *text = line_text(file) + cell->begin;
        if (cell->size == 0 || memchr(text, '\0', cell->size) != NULL) {
            return wg_fail(error, WAGGLE_INVALID, "%s: the header's column %" PRIu32 " has no name",
                           file->source.path, i + 1);
        }
        char *name = wg_alloc(NULL, WG_MEMORY_SCRATCH, cell->size + 1);
        if (name == NULL) return wg_fail_memory(error, cell->size + 1, "a csv header");
        memcpy(name, text, cell->size);
        name[cell->size] = '\0';
        file->columns[i].name = name;
    }
    return check_names(file, error);
}

static csv_column *find_column(csv *file, const char *name)
{
    for (uint32_t i = 0; i < file->column_count; i++) {
        if (strcmp(file->columns[i].name, name) == 0) return &file->columns[i];
    }
    return NULL;
}

// The number behind the prefix, as in v17.
static bool component_number(const char *name, const char *prefix, uint64_t *number)
{
    size_t size = strlen(prefix), digits = strspn(name + WG_MIN(size, strlen(name)), "0123456789");
    if (strncmp(name, prefix, size) != 0) return false;
    if (digits == 0 || digits > 9 || name[size + digits] != '\0') return false;
    *number = strtoull(name + size, NULL, 10);
    return true;
}

static int by_number(const void *a, const void *b)
{
    const csv_column *const *left = a, *const *right = b;
    return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

// Finds the columns prefix0, prefix1, ... and numbers them from 0 in that order.
static waggle_status find_components(csv *file, const char *prefix, waggle_error *error)
{
    size_t size = file->column_count * sizeof(csv_column *);
    csv_column **found = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    if (found == NULL) return wg_fail_memory(error, size, "a csv header");
    uint32_t count = 0;
    for (uint32_t i = 0; i < file->column_count; i++) {
        csv_column *column = &file->columns[i];
        if (column->role != ROLE_PAYLOAD) continue;
        if (component_number(column->name, prefix, &column->number)) found[count++] = column;
    }
    qsort(found, count, sizeof *found, by_number);

    waggle_status status = WAGGLE_OK;
    for (uint32_t i = 1; i < count && status == WAGGLE_OK; i++) {
        if (found[i]->number != found[i - 1]->number + 1) {
            status = fail_header(file, error, "lacks a column, or has one twice, before ",
                                 found[i]->name);
        }
    }
    for (uint32_t i = 0; i < count && status == WAGGLE_OK; i++) {
        found[i]->role = ROLE_COMPONENT;
        found[i]->number = i;
    }
    file->components = count;
    wg_free(found);
    return status;
}

static waggle_status assign_roles(csv *file, const cli_reader_options *options, waggle_error *error)
{
    csv_column *id = find_column(file, options->id_field != NULL ? options->id_field : "id");
    if (id != NULL) {
        id->role = ROLE_ID;
        file->has_id = true;
    } else if (options->id_field != NULL) {
        return fail_header(file, error, "lacks the column ", options->id_field);
    }

    const char *field = options->vector_field != NULL ? options->vector_field : "vector";
    csv_column *vector = find_column(file, field);
    if (vector != NULL && vector->role == ROLE_PAYLOAD) {
        vector->role = ROLE_VECTOR;
        file->dim = file->source.dim;
        return WAGGLE_OK;
    }
    const char *prefix = options->vector_field != NULL ? options->vector_field : "v";
    waggle_status status = find_components(file, prefix, error);
    if (status != WAGGLE_OK) return status;
    if (file->components > 0) return cli_check_dim(&file->source, file->components, error);
    return wg_fail(error, WAGGLE_INVALID,
                   "%s: the header has no column \"%s\", and none named %s0, %s1, ...",
                   file->source.path, field, prefix, prefix);
}

static waggle_status csv_open(cli_source *source, const cli_reader_options *options,
                              waggle_error *error)
{
    csv *file = (csv *)source;
    file->delimiter = source->format == CLI_FORMAT_TSV ? '\t' : ',';
    if (options->delimiter != 0) file->delimiter = options->delimiter;
    wg_buffer_init(&file->cells, NULL, WG_MEMORY_SCRATCH);
    wg_buffer_init(&file->payload, NULL, WG_MEMORY_SCRATCH);
    size_t size = WAGGLE_DIM_MAX * sizeof(float);
    file->values = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    if (!cli_lines_init(&file->lines, source->stream) || file->values == NULL) {
        return wg_fail_memory(error, size, "reading csv");
    }

    cli_step step = read_record(file, error);
    if (step == CLI_FAILED) return error->status;
    if (step == CLI_BAD) { // the message calls it row 0
        return wg_fail_context(error, error->status, "the header is bad");
    }
    if (step == CLI_END) {
        return wg_fail(error, WAGGLE_INVALID, "%s: there is no header row", source->path);
    }
    waggle_status status = copy_names(file, error);
    return status == WAGGLE_OK ? assign_roles(file, options, error) : status;
}

static void csv_close(cli_source *source)
{
    csv *file = (csv *)source;
    for (uint32_t i = 0; i < file->column_count; i++)
        wg_free(file->columns[i].name);
    wg_free(file->columns);
    wg_free(file->values);
    cli_lines_finish(&file->lines);
    wg_buffer_finish(&file->cells);
    wg_buffer_finish(&file->payload);
}

// ---- Rows --------------------------------------------------------------------------------------

// A cell that is not acceptable: column, value, reason.
static cli_step bad_cell(csv *file, uint32_t index, const char *why, waggle_error *error)
{
    const csv_cell *cell = cell_at(file, index);
    const char *name = file->columns[index].name;
    return cli_bad_row(&file->source, WAGGLE_INVALID, name, error, "column %.80s is \"%.*s\"%s",
                       name, (int)WG_MIN(cell->size, 40), line_text(file) + cell->begin, why);
}

static cli_step read_id(csv *file, cli_builder *builder, uint32_t index, waggle_error *error)
{
    const csv_cell *cell = cell_at(file, index);
    const char *text = line_text(file) + cell->begin;
    if (cell->size == 0 || cell->size > WAGGLE_ID_SIZE_MAX) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, file->columns[index].name, error,
                           "the id has %zu bytes; it must have 1 to %u", cell->size,
                           WAGGLE_ID_SIZE_MAX);
    }
    if (memchr(text, '\0', cell->size) != NULL) {
        return bad_cell(file, index, ", which holds a NUL character", error);
    }
    char *copy = wg_arena_alloc(&builder->texts, cell->size + 1, 1);
    if (copy == NULL) return cli_no_memory(error, cell->size + 1);
    memcpy(copy, text, cell->size);
    copy[cell->size] = '\0';
    if (waggle_id_parse(copy, &builder->id, error) != WAGGLE_OK) {
        return cli_bad_row_context(&file->source, file->columns[index].name, error);
    }
    builder->has_id = true;
    return CLI_ROW;
}

static cli_step read_component(csv *file, uint32_t index, waggle_error *error)
{
    const csv_cell *cell = cell_at(file, index);
    const char *at = line_text(file) + cell->begin, *end = at + cell->size;
    float value;
    while (at < end && *at == ' ')
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    if (at == end || wg_float_parse(at, end, &value) != end) {
        return bad_cell(file, index, ", which is no number", error);
    }
    if (!isfinite(value)) {
        return bad_cell(file, index, "; the largest float32 is 3.4028235e38", error);
    }
    file->values[file->columns[index].number] = value;
    return CLI_ROW;
}

// A cell that holds [0.1,0.2].
static cli_step read_vector(csv *file, uint32_t index, waggle_error *error)
{
    const csv_cell *cell = cell_at(file, index);
    const char *name = file->columns[index].name;
    wg_json_reader reader;
    wg_json_token token;
    uint32_t dim = WAGGLE_DIM_MAX;

    wg_json_reader_init(&reader, line_text(file) + cell->begin, cell->size);
    waggle_status status = wg_json_next(&reader, &token, error);
    if (status != WAGGLE_OK || token != WG_JSON_ARRAY_BEGIN) {
        return bad_cell(file, index, "; it must be an array of numbers, as [0.1,0.2]", error);
    }
    status = wg_json_floats(&reader, file->values, &dim, error);
    if (status == WAGGLE_OK) status = wg_json_next(&reader, &token, error);
    if (status == WAGGLE_INVALID) return cli_bad_row_context(&file->source, name, error);
    if (dim == 0 || dim > WAGGLE_DIM_MAX) {
        return cli_bad_row(&file->source, WAGGLE_DIMENSION, name, error,
                           "%.80s has %" PRIu32 " components; it must have 1 to %u", name, dim,
                           WAGGLE_DIM_MAX);
    }
    if (file->dim == 0) file->dim = dim;
    return dim == file->dim ? CLI_ROW : cli_bad_dim(&file->source, dim, file->dim, name, error);
}

// Appends a member to the payload: what has the form of a number is one, unless it is quoted.
static void add_member(csv *file, wg_json_writer *writer, uint32_t index)
{
    const csv_cell *cell = cell_at(file, index);
    const char *text = line_text(file) + cell->begin;
    double number;
    if (cell->size == 0 && !cell->quoted) return;
    wg_json_key(writer, file->columns[index].name);
    bool numeric = !cell->quoted &&
                   wg_double_parse(text, text + cell->size, &number) == text + cell->size &&
                   isfinite(number);
    if (numeric) {
        wg_json_put_raw(writer, text, cell->size);
    } else {
        wg_json_put_string(writer, text, cell->size);
    }
}

static cli_step add_vector(csv *file, cli_builder *builder, waggle_error *error)
{
    uint32_t dim = file->components > 0 ? file->components : file->dim;
    cli_column *column = cli_builder_find(builder, "", 0);
    if (column == NULL) column = cli_builder_add(builder, "", 0, WAGGLE_F32, dim);
    float *target = column == NULL ? NULL : cli_builder_vector(builder, column);
    if (target == NULL) return cli_no_memory(error, dim * sizeof(float));
    memcpy(target, file->values, column->row_size);
    return CLI_ROW;
}

static cli_step read_row(csv *file, cli_builder *builder, waggle_error *error)
{
    size_t cells = file->cells.size / sizeof(csv_cell);
    if (cells != file->column_count) {
        return cli_bad_row(&file->source, WAGGLE_INVALID, "", error,
                           "the row has %zu cells; the header has %" PRIu32, cells,
                           file->column_count);
    }

    wg_json_writer writer;
    file->payload.size = 0;
    wg_json_writer_init(&writer, &file->payload, false);
    wg_json_object_begin(&writer);
    for (uint32_t i = 0; i < file->column_count; i++) {
        cli_step step = CLI_ROW;
        switch (file->columns[i].role) {
        case ROLE_ID: step = read_id(file, builder, i, error); break;
        case ROLE_VECTOR: step = read_vector(file, i, error); break;
        case ROLE_COMPONENT: step = read_component(file, i, error); break;
        case ROLE_PAYLOAD: add_member(file, &writer, i); break;
        }
        if (step != CLI_ROW) return step;
    }
    wg_json_object_end(&writer);
    if (writer.failed) return cli_no_memory(error, file->payload.size);

    cli_step step = add_vector(file, builder, error);
    bool empty = file->payload.size == 2; // {}
    if (step != CLI_ROW || empty) return step;
    return cli_add_payload(&file->source, builder, (const char *)file->payload.data,
                           file->payload.size, error);
}

static cli_step csv_next(cli_source *source, cli_builder *builder, waggle_error *error)
{
    csv *file = (csv *)source;
    cli_step step = read_record(file, error);
    if (step == CLI_ROW) step = read_row(file, builder, error);
    if (step == CLI_ROW) source->row++;
    return step;
}

static cli_step csv_skip(cli_source *source, waggle_error *error)
{
    cli_step step = read_record((csv *)source, error);
    if (step == CLI_ROW) source->row++;
    return step == CLI_BAD ? CLI_ROW : step;
}

const cli_source_ops cli_csv_ops = {
    .size = sizeof(csv),
    .open = csv_open,
    .close = csv_close,
    .next = csv_next,
    .skip = csv_skip,
};
