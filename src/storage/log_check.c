// Walking one file of a log without the others: for `verify` and fuzzing.
#include "storage/log_format.h"

#include <string.h>

// Records up to the first that is not sound. A later record that proves it durable makes that damage.
static waggle_status walk(wg_log_cursor *cursor, const char *path, uint64_t seq, uint64_t *records,
                          waggle_error *error)
{
    for (;;) {
        wg_log_entry entry;
        bool sound = false;
        waggle_status status = wg_log_cursor_next(cursor, seq, &entry, &sound, error);
        if (status != WAGGLE_OK) return status;
        if (!sound) break;
        seq++;
        (*records)++;
    }
    wg_log_tail tail;
    uint64_t offset = cursor->offset;
    waggle_status status = wg_log_cursor_tail(cursor, seq, &tail, error);
    if (status != WAGGLE_OK || tail.durable < seq) return status;
    return wg_fail(error, WAGGLE_CORRUPT,
                   "%s: record %" PRIu64 " at offset %" PRIu64
                   " is damaged, and records up to %" PRIu64 " had been durable",
                   path, seq, offset, tail.durable);
}

waggle_status wg_log_file_check(wg_vfs *vfs, const char *path, uint64_t *records, uint64_t *end,
                                waggle_error *error)
{
    wg_file *file = NULL;
    wg_log_header header;
    wg_log_cursor cursor;
    bool sound = false;
    uint64_t number = 0;
    uint64_t size = 0;
    *records = 0;
    *end = 0;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (!wg_log_name_parse(name, &number)) {
        return wg_fail(error, WAGGLE_INVALID, "%s: the name is not of a log file", path);
    }
    wg_log_cursor_init(&cursor, NULL);
    waggle_status status = wg_file_open(vfs, path, WG_OPEN_READ, &file, error);
    if (status != WAGGLE_OK) return status;
    status = wg_file_size(file, &size, error);
    if (status != WAGGLE_OK) goto cleanup;
    status = wg_log_header_read(file, path, number, &header, &sound, error);
    if (status != WAGGLE_OK || !sound) goto cleanup; // prepared, and holds nothing
    wg_log_cursor_set(&cursor, file, WG_MIN(size, header.size), header.salt, WG_LOG_DATA_START);
    status = walk(&cursor, path, header.first, records, error);
    *end = cursor.offset;
    if (status == WAGGLE_OK && size < header.size) {
        status = wg_fail(error, WAGGLE_CORRUPT,
                         "%s: the file has %" PRIu64 " bytes; its header says %" PRIu32, path, size,
                         header.size);
    }
cleanup:
    wg_log_cursor_finish(&cursor);
    wg_file_close(file);
    return status;
}
