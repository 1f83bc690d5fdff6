#include "cli/file_writer.h"

#include <stdio.h>
#include <string.h>

#define BUFFER_SIZE ((size_t)1 << 20)

waggle_status cli_file_create(cli_file_writer *writer, const char *path, waggle_error *error)
{
    memset(writer, 0, sizeof(*writer));
    wg_buffer_init(&writer->buffer, NULL, WG_MEMORY_SCRATCH);
    if (strlen(path) >= sizeof(writer->path)) {
        return wg_fail(error, WAGGLE_INVALID, "the path has %zu bytes; the most is %zu",
                       strlen(path), sizeof(writer->path) - 1);
    }
    memcpy(writer->path, path, strlen(path) + 1);
    if (strcmp(path, "-") != 0) {
        waggle_status status =
            wg_file_open(wg_vfs_posix(), path, WG_OPEN_NEW, &writer->file, error);
        if (status != WAGGLE_OK) return status;
    }
    writer->open = true;
    return WAGGLE_OK;
}

waggle_status cli_file_flush(cli_file_writer *writer, bool all, waggle_error *error)
{
    wg_buffer *buffer = &writer->buffer;
    waggle_status status = WAGGLE_OK;

    if (buffer->size == 0 || (!all && buffer->size < BUFFER_SIZE)) return WAGGLE_OK;
    if (writer->file != NULL) {
        status = wg_file_write(writer->file, writer->offset, buffer->data, buffer->size, error);
    } else if (fwrite(buffer->data, 1, buffer->size, stdout) != buffer->size ||
               fflush(stdout) != 0) {
        status = wg_fail(error, WAGGLE_IO, "could not write to the standard output");
    }
    writer->offset += buffer->size;
    buffer->size = 0;
    return status;
}

waggle_status cli_file_write(cli_file_writer *writer, const void *data, size_t size,
                             waggle_error *error)
{
    if (!wg_buffer_append(&writer->buffer, data, size)) {
        return wg_fail_memory(error, size, "output");
    }
    return cli_file_flush(writer, false, error);
}

waggle_status cli_file_patch(cli_file_writer *writer, const void *data, size_t size,
                             waggle_error *error)
{
    WG_ASSERT(writer->file != NULL);

    waggle_status status = cli_file_flush(writer, true, error);
    WG_ASSERT(size <= writer->offset);
    return status == WAGGLE_OK ? wg_file_write(writer->file, 0, data, size, error) : status;
}

waggle_status cli_file_finish(cli_file_writer *writer, waggle_status status, waggle_error *error)
{
    if (writer->open && status == WAGGLE_OK) status = cli_file_flush(writer, true, error);
    if (writer->file != NULL && status == WAGGLE_OK) status = wg_file_sync(writer->file, error);
    wg_file_close(writer->file);
    // Half a file would look like a whole one.
    if (writer->file != NULL && status != WAGGLE_OK) {
        (void)wg_vfs_unlink(wg_vfs_posix(), writer->path, NULL);
    }
    if (writer->open) wg_buffer_finish(&writer->buffer);
    memset(writer, 0, sizeof(*writer));
    return status;
}
