// A new file that is written from start to end through a buffer, or the standard output.
#pragma once

#include "base/memory.h"
#include "base/vfs.h"

typedef struct cli_file_writer {
    char path[WG_PATH_SIZE_MAX];
    wg_file *file; // NULL = the standard output
    uint64_t offset;
    wg_buffer buffer;
    bool open;
} cli_file_writer;

// path "-" is the standard output. WAGGLE_EXISTS if there is a file of that name: nothing is overwritten.
waggle_status cli_file_create(cli_file_writer *writer, const char *path, waggle_error *error);
waggle_status cli_file_write(cli_file_writer *writer, const void *data, size_t size,
                             waggle_error *error);
// Writes what waits in the buffer, if it is large or all is true.
waggle_status cli_file_flush(cli_file_writer *writer, bool all, waggle_error *error);
// Replaces bytes at the start that were written before. Not for the standard output.
waggle_status cli_file_patch(cli_file_writer *writer, const void *data, size_t size,
                             waggle_error *error);
// Makes the file durable and closes it, or, if status is an error, removes it. Returns the status to go
// on with. A zeroed writer is fine.
waggle_status cli_file_finish(cli_file_writer *writer, waggle_status status, waggle_error *error);
