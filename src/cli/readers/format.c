// The names of formats, and which one a path's extension tells.
#include "cli/readers/reader.h"

#include <string.h>

#define KNOWN "npy, fvecs, bvecs, ivecs, fbin, u8bin, i8bin, jsonl, csv, tsv"

static const char *const names[] = {
    [CLI_FORMAT_AUTO] = "auto",   [CLI_FORMAT_NPY] = "npy",     [CLI_FORMAT_FVECS] = "fvecs",
    [CLI_FORMAT_BVECS] = "bvecs", [CLI_FORMAT_IVECS] = "ivecs", [CLI_FORMAT_FBIN] = "fbin",
    [CLI_FORMAT_U8BIN] = "u8bin", [CLI_FORMAT_I8BIN] = "i8bin", [CLI_FORMAT_JSONL] = "jsonl",
    [CLI_FORMAT_CSV] = "csv",     [CLI_FORMAT_TSV] = "tsv",
};

// Other extensions that people use.
static const struct {
    const char *extension;
    cli_format format;
} aliases[] = {
    {"ndjson",    CLI_FORMAT_JSONL},
    {"jsonlines", CLI_FORMAT_JSONL},
    {"tab",       CLI_FORMAT_TSV  },
};

const char *cli_format_name(cli_format format)
{
    return (size_t)format < WG_COUNT(names) ? names[format] : "unknown";
}

static bool find(const char *name, size_t size, cli_format *format)
{
    for (size_t i = 1; i < WG_COUNT(names); i++) {
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
            *format = (cli_format)i;
            return true;
        }
    }
    for (size_t i = 0; i < WG_COUNT(aliases); i++) {
        if (strlen(aliases[i].extension) == size && memcmp(aliases[i].extension, name, size) == 0) {
            *format = aliases[i].format;
            return true;
        }
    }
    return false;
}

waggle_status cli_format_parse(const char *name, cli_format *format, waggle_error *error)
{
    if (find(name, strlen(name), format)) return WAGGLE_OK;
    if (strcmp(name, names[CLI_FORMAT_AUTO]) == 0) {
        *format = CLI_FORMAT_AUTO;
        return WAGGLE_OK;
    }
    return wg_fail(error, WAGGLE_INVALID, "the format \"%s\" is not known; known are " KNOWN, name);
}

// The extension before end, without its dot; size 0 if there is none.
static const char *extension_before(const char *path, const char *end, size_t *size)
{
    const char *at = end;
    while (at > path && at[-1] != '.' && at[-1] != '/')
        at--;
    *size = at > path && at[-1] == '.' ? (size_t)(end - at) : 0;
    return at;
}

waggle_status cli_format_of_path(const char *path, cli_format *format, waggle_error *error)
{
    if (strcmp(path, "-") == 0) {
        return wg_fail(error, WAGGLE_INVALID,
                       "the standard input needs its format told; known are " KNOWN);
    }
    const char *end = path + strlen(path);
    size_t size;
    const char *extension = extension_before(path, end, &size);
    bool packed = (size == 2 && memcmp(extension, "gz", 2) == 0) ||
                  (size == 3 && memcmp(extension, "zst", 3) == 0);
    if (packed) extension = extension_before(path, extension - 1, &size);
    if (find(extension, size, format)) return WAGGLE_OK;
    return wg_fail(error, WAGGLE_INVALID,
                   "%s: the extension \"%.*s\" tells no format; known are " KNOWN
                   ", also with .gz or .zst",
                   path, (int)WG_MIN(size, 40), extension);
}
