// npy, NumPy's format for one array (numpy.lib.format), versions 1.0, 2.0 and 3.0:
//
//   6 bytes   \x93NUMPY
//   2 bytes   version: major, minor
//   2 bytes   size of the header, little-endian (4 bytes from version 2.0 on)
//   header    {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 768), } as Python writes it, padded
//   data      the elements, the last axis running fastest
//
// The header is Python, but never evaluated: three known keys with values of three known forms.
#include "base/bytes.h"
#include "cli/readers/source.h"

#include <string.h>

#define MAGIC "\x93NUMPY"
#define HEADER_SIZE_MAX 65536u
#define WORD_SIZE 48u // of a key or an element type
#define AXES_MAX 8u

typedef struct npy_parser {
    const char *path;
    const char *at;
    const char *end;
    waggle_error *error;
    char descr[WORD_SIZE];
    bool fortran;
    uint64_t shape[AXES_MAX];
    uint32_t axes;
    bool has_descr, has_fortran, has_shape;
} npy_parser;

// ---- The header's Python -----------------------------------------------------------------------

static waggle_status fail_header(const npy_parser *parser, const char *expected)
{
    char found[24] = "the end";
    size_t left = (size_t)(parser->end - parser->at), shown = 0;
    for (; shown < left && shown < sizeof found - 1; shown++) {
        char c = parser->at[shown];
        found[shown] = c >= 0x20 && c < 0x7F ? c : '?';
    }
    if (shown > 0) found[shown] = '\0';
    return wg_fail(parser->error, WAGGLE_CORRUPT, "%s: the npy header has \"%s\" in place of %s",
                   parser->path, found, expected);
}

static void skip_space(npy_parser *parser)
{
    while (parser->at < parser->end && strchr(" \n\t\r", *parser->at) != NULL && *parser->at != 0)
        parser->at++;
}

static bool accept(npy_parser *parser, const char *word)
{
    skip_space(parser);
    size_t size = strlen(word);
    bool there = (size_t)(parser->end - parser->at) >= size && memcmp(parser->at, word, size) == 0;
    if (there) parser->at += size;
    return there;
}

// 'word', without its quotes.
static waggle_status parse_string(npy_parser *parser, char *word)
{
    skip_space(parser);
    const char *begin = parser->at;
    if (begin == parser->end || (*begin != '\'' && *begin != '"')) {
        return fail_header(parser, "a quoted word");
    }
    const char *close = memchr(begin + 1, *begin, (size_t)(parser->end - begin - 1));
    size_t size = close == NULL ? WORD_SIZE : (size_t)(close - begin - 1);
    if (size >= WORD_SIZE) return fail_header(parser, "a short quoted word");
    memcpy(word, begin + 1, size);
    word[size] = '\0';
    parser->at = close + 1;
    return WAGGLE_OK;
}

static waggle_status parse_number(npy_parser *parser, uint64_t *number)
{
    skip_space(parser);
    const char *begin = parser->at;
    *number = 0;
    for (; parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9'; parser->at++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*parser->at - '0'), number)) {
            return fail_header(parser, "a number below 2^64");
        }
    }
    if (parser->at == begin) return fail_header(parser, "a number");
    if (parser->at < parser->end && *parser->at == 'L') parser->at++; // Python 2
    return WAGGLE_OK;
}

static waggle_status parse_shape(npy_parser *parser)
{
    if (!accept(parser, "(")) return fail_header(parser, "a shape");
    while (!accept(parser, ")")) {
        if (parser->axes == AXES_MAX) return fail_header(parser, "at most 8 axes");
        waggle_status status = parse_number(parser, &parser->shape[parser->axes++]);
        if (status != WAGGLE_OK) return status;
        if (accept(parser, ",")) continue;
        if (!accept(parser, ")")) return fail_header(parser, "a comma or )");
        break;
    }
    return WAGGLE_OK;
}

static waggle_status parse_entry(npy_parser *parser)
{
    char key[WORD_SIZE];
    waggle_status status = parse_string(parser, key);
    if (status != WAGGLE_OK) return status;
    if (!accept(parser, ":")) return fail_header(parser, "a colon");

    if (strcmp(key, "descr") == 0) {
        if (accept(parser, "[")) {
            return wg_fail(parser->error, WAGGLE_UNSUPPORTED,
                           "%s: the elements are records; arrays of numbers can be read",
                           parser->path);
        }
        parser->has_descr = true;
        return parse_string(parser, parser->descr);
    }
    if (strcmp(key, "fortran_order") == 0) {
        parser->has_fortran = true;
        parser->fortran = accept(parser, "True");
        bool known = parser->fortran || accept(parser, "False");
        return known ? WAGGLE_OK : fail_header(parser, "True or False");
    }
    if (strcmp(key, "shape") == 0) {
        parser->has_shape = true;
        parser->axes = 0;
        return parse_shape(parser);
    }
    return wg_fail(parser->error, WAGGLE_CORRUPT, "%s: the npy header has the unknown key '%s'",
                   parser->path, key);
}

static waggle_status parse_dictionary(npy_parser *parser)
{
    if (!accept(parser, "{")) return fail_header(parser, "{");
    while (!accept(parser, "}")) {
        waggle_status status = parse_entry(parser);
        if (status != WAGGLE_OK) return status;
        if (accept(parser, ",")) continue;
        if (!accept(parser, "}")) return fail_header(parser, "a comma or }");
        break;
    }
    if (!parser->has_descr || !parser->has_fortran || !parser->has_shape) {
        return wg_fail(parser->error, WAGGLE_CORRUPT,
                       "%s: the npy header lacks descr, fortran_order or shape", parser->path);
    }
    return WAGGLE_OK;
}

// ---- What it means -----------------------------------------------------------------------------

static waggle_status find_element(const npy_parser *parser, cli_element *element)
{
    static const struct {
        const char *code;
        cli_element element;
    } known[] = {
        {"f2", CLI_ELEMENT_F16},
        {"f4", CLI_ELEMENT_F32},
        {"f8", CLI_ELEMENT_F64},
        {"u1", CLI_ELEMENT_U8 },
        {"i1", CLI_ELEMENT_I8 },
        {"u2", CLI_ELEMENT_U16},
        {"i2", CLI_ELEMENT_I16},
        {"u4", CLI_ELEMENT_U32},
        {"i4", CLI_ELEMENT_I32},
        {"u8", CLI_ELEMENT_U64},
        {"i8", CLI_ELEMENT_I64},
    };

    const char *descr = parser->descr;
    char order = descr[0];
    bool ordered = order != '\0' && strchr("<>|=", order) != NULL;
    const char *code = descr + (ordered ? 1 : 0);

    for (size_t i = 0; i < WG_COUNT(known); i++) {
        if (strcmp(code, known[i].code) != 0) continue;
        if (order == '>' && cli_element_size(known[i].element) > 1) {
            return wg_fail(parser->error, WAGGLE_UNSUPPORTED,
                           "%s: the elements are big-endian ('%s'); save them with "
                           "a.astype('<%s')",
                           parser->path, descr, code);
        }
        *element = known[i].element;
        return WAGGLE_OK;
    }
    return wg_fail(parser->error, WAGGLE_UNSUPPORTED,
                   "%s: the elements are '%s'; f2, f4, f8 and u1 to i8 can be read", parser->path,
                   descr);
}

static waggle_status interpret(const npy_parser *parser, cli_npy_header *header)
{
    waggle_status status = find_element(parser, &header->element);
    if (status != WAGGLE_OK) return status;
    if (parser->fortran && parser->axes > 1) {
        return wg_fail(parser->error, WAGGLE_UNSUPPORTED,
                       "%s: the array is in Fortran order; save it with np.ascontiguousarray(a)",
                       parser->path);
    }
    if (parser->axes != 1 && parser->axes != 2) {
        return wg_fail(parser->error, WAGGLE_INVALID,
                       "%s: the array has %" PRIu32 " axes; 2 are needed: (rows, dimension)",
                       parser->path, parser->axes);
    }
    header->axes = parser->axes;
    header->rows = parser->shape[0];
    header->columns = parser->axes == 2 ? parser->shape[1] : 1;
    return WAGGLE_OK;
}

// ---- Reading -----------------------------------------------------------------------------------

static waggle_status read_exactly(const char *path, wg_stream *stream, void *target, size_t size,
                                  waggle_error *error)
{
    size_t got;
    waggle_status status = wg_stream_read(stream, target, size, &got, error);
    if (status != WAGGLE_OK || got == size) return status;
    return wg_fail(error, WAGGLE_CORRUPT, "%s: truncated within the npy header", path);
}

// Magic, version and the header's size.
static waggle_status read_preamble(const char *path, wg_stream *stream, uint32_t *header_size,
                                   uint64_t *size, waggle_error *error)
{
    uint8_t bytes[8], sizes[4] = {0};
    waggle_status status = read_exactly(path, stream, bytes, sizeof bytes, error);
    if (status != WAGGLE_OK) return status;
    if (memcmp(bytes, MAGIC, strlen(MAGIC)) != 0) {
        return wg_fail(error, WAGGLE_CORRUPT, "%s: no npy file: it does not begin with \\x93NUMPY",
                       path);
    }
    if (bytes[6] < 1 || bytes[6] > 3) {
        return wg_fail(error, WAGGLE_UNSUPPORTED, "%s: npy version %u.%u; 1.0 to 3.0 can be read",
                       path, bytes[6], bytes[7]);
    }
    size_t width = bytes[6] == 1 ? 2 : 4;
    status = read_exactly(path, stream, sizes, width, error);
    if (status != WAGGLE_OK) return status;
    *header_size = wg_get32(sizes);
    *size = sizeof bytes + width + *header_size;
    if (*header_size <= HEADER_SIZE_MAX) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: the npy header has %" PRIu32 " bytes; the most is %u", path, *header_size,
                   HEADER_SIZE_MAX);
}

waggle_status cli_npy_read_header(const char *path, wg_stream *stream, cli_npy_header *header,
                                  waggle_error *error)
{
    uint32_t size = 0;
    waggle_status status = read_preamble(path, stream, &size, &header->size, error);
    if (status != WAGGLE_OK) return status;

    char *text = wg_alloc(NULL, WG_MEMORY_SCRATCH, size);
    if (text == NULL) return wg_fail_memory(error, size, "a npy header");
    npy_parser parser = {.path = path, .at = text, .end = text + size, .error = error};
    status = read_exactly(path, stream, text, size, error);
    if (status == WAGGLE_OK) status = parse_dictionary(&parser);
    if (status == WAGGLE_OK) status = interpret(&parser, header);
    wg_free(text);
    return status;
}

static waggle_status npy_open(cli_source *source, const cli_reader_options *options,
                              waggle_error *error)
{
    (void)options;
    cli_grid *grid = (cli_grid *)source;
    cli_npy_header header;
    waggle_status status = cli_npy_read_header(source->path, source->stream, &header, error);
    if (status != WAGGLE_OK) return status;
    if (header.axes == 1) {
        return wg_fail(error, WAGGLE_INVALID,
                       "%s: the array has 1 axis of %" PRIu64
                       "; 2 are needed: (rows, dimension); one vector is a.reshape(1, -1)",
                       source->path, header.rows);
    }
    status = cli_check_dim(source, header.columns, error);
    if (status != WAGGLE_OK) return status;
    grid->element = header.element;
    grid->dim = (uint32_t)header.columns;
    grid->header = header.size;
    source->rows = header.rows;
    return cli_grid_begin(grid, error);
}

const cli_source_ops cli_npy_ops = {
    .size = sizeof(cli_grid),
    .open = npy_open,
    .close = cli_grid_close,
    .next = cli_grid_next,
    .skip = cli_grid_skip,
    .seek = cli_grid_seek,
};
